import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { isOutside, NotOutside, postOutside } from "./post-outside.ts";

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
    ...["https://[::ffff:127.0.0.1]/", "https://169.254.169.254/", "file:///etc/passwd"],
  ];
  for (const url of others) expect(isOutside(url, false), url).toBe(false);
  await expect(post("https://127.0.0.1/", false)).rejects.toThrow(NotOutside);
});

test("a name that leads into our own network is not asked", async () => {
  await expect(post("https://localhost/", false)).rejects.toThrow(NotOutside);
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
