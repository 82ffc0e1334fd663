import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { addressesOf, isOutside, NotOutside, postOutside } from "./post-outside.ts";

async function listen(answer: RequestListener) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/here` };
}
const post = (url: string, allowPrivate: boolean, signal = new AbortController().signal) =>
  postOutside(url, { headers: {}, body: Buffer.from("x"), signal, allowPrivate });

test("only what is on the Internet, by https and at its usual port, is asked", async () => {
  for (const url of ["https://push.example.org/x", "https://1.1.1.1/", "https://[2606:4700::1]/"])
    expect(isOutside(url, false), url).toBe(true);
  const others = [
    ...["http://push.example.org/", "https://push.example.org:8443/", "https://a:b@push.example.org/", "x"],
    ...[
      "https://127.0.0.1/",
      "https://2130706433/",
      "https://0x7f.1/",
      "https://[::1]/",
      "https://10.0.0.1/",
    ],
    ...["https://localhost/", "https://a.localhost./", "https://printer.local/", "https://db.internal/"],
    ...["https://[::ffff:127.0.0.1]/", "https://169.254.169.254/", "file:///etc/passwd"],
  ];
  for (const url of others) expect(isOutside(url, false), url).toBe(false);
  await expect(post("https://127.0.0.1/", false)).rejects.toThrow(NotOutside);
});

/** A name server that gives these addresses for every name, or says nothing. */
async function nameServer(addresses?: readonly string[]) {
  const asked: string[] = [];
  const server = createSocket("udp4").on("message", (query, { port }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const type = question.readUInt16BE(question.length - 4);
    asked.push(type === 1 ? "A" : "AAAA");
    if (!addresses) return;
    const found = addresses.filter(() => type === 1).map((address) => address.split(".").map(Number));
    const head = Buffer.from([query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, found.length, 0, 0, 0, 0]);
    const records = found.map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address]),
    );
    server.send(Buffer.concat([head, question, ...records]), port);
  });
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { asked, servers: [`127.0.0.1:${server.address().port}`] };
}

test("a name of which one address is in our own network is not asked", async () => {
  const { signal } = new AbortController();
  const [outside, mixed] = [
    await nameServer(["1.1.1.1", "8.8.8.8"]),
    await nameServer(["1.1.1.1", "10.0.0.1"]),
  ];
  expect(await addressesOf("a.example", signal, outside.servers)).toEqual([
    { address: "1.1.1.1", family: 4 },
    { address: "8.8.8.8", family: 4 },
  ]);
  await expect(addressesOf("a.example", signal, mixed.servers)).rejects.toThrow(NotOutside);
});

test("a silent name server is not waited for, least of all when nobody waits any more", async () => {
  const { asked, servers } = await nameServer();
  const [waiting, over] = [new AbortController(), new AbortController()];
  const ended: string[] = [];
  const ask = (name: string, { signal }: AbortController) =>
    addressesOf("a.example", signal, servers).catch((error) => ended.push(`${name} ${error.name}`));
  const first = ask("first", waiting);
  const second = ask("second", over);
  // At once, so that it cannot be after the time that a name server has.
  over.abort();
  await Promise.all([first, second]);
  expect(asked).toHaveLength(4);
  expect(ended).toEqual(["second AbortError", "first Error"]);
});

test("a redirect is an answer like others, and is not followed", async () => {
  const inner = await listen((_request, response) => response.end());
  const outer = await listen((_request, response) =>
    response.writeHead(307, { location: inner.url, "retry-after": "7" }).end("x".repeat(100_000)),
  );
  expect(await post(outer.url, true)).toEqual({ status: 307, retryAfter: "7" });
  expect(outer.asked).toEqual(["POST /here"]);
  expect(inner.asked).toEqual([]);
});

test("who does not answer is not waited for", async () => {
  const { url, asked } = await listen(() => {});
  const over = new AbortController();
  const answer = post(url, true, over.signal);
  await expect.poll(() => asked).toEqual(["POST /here"]);
  over.abort();
  await expect(answer).rejects.toMatchObject({ name: "AbortError" });
});
