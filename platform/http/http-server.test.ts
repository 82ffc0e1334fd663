import { once } from "node:events";
import { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createLog } from "../observe/log.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { dueBytes } from "./body-pace.ts";
import { parseTrustProxy, trustNobody } from "./client-address.ts";
import { createHttpServer } from "./http-server.ts";

let app: FastifyInstance;
let metrics: Metrics;
let base: string;
let gotBytes: number;
let reasons: Record<string, string | undefined>;

async function start(metricsToken: string, trustProxy = trustNobody, publicUrl = ""): Promise<void> {
  reasons = { user: undefined, feed: undefined };
  metrics = createMetrics();
  const readiness = async () => reasons;
  const log = createLog("silent");
  app = createHttpServer({ log, metrics, trustProxy, publicUrl, metricsToken, readiness });
  app.get("/things/:id", async (request) => ({ trace: request.id }));
  app.get("/seen", async ({ ip, protocol, host }) => ({ ip, protocol, host }));
  const limit = { type: "integer", minimum: 1, maximum: 50 };
  app.get(
    "/page",
    { schema: { querystring: { type: "object", properties: { limit } } } },
    async (request) => ({
      asked: request.query,
    }),
  );
  app.post("/things", async (request) => ({ got: request.body }));
  gotBytes = 0;
  app.addContentTypeParser("video/mp4", (_request, _payload, done) => done(null));
  app.post("/files", { config: { takesFile: true } }, async ({ raw }) => {
    const ended = once(raw, "end");
    raw.on("data", (chunk) => {
      gotBytes += chunk.length;
    });
    await ended;
    return { gotBytes };
  });
  base = await app.listen({ host: "0.0.0.0", port: 0 });
}
beforeEach(() => start("scrape me"));
afterEach(() => app.close());
/** Sends raw bytes and collects the answer. */
function talkTo(port: string, bytes: string): { socket: Socket; heard: () => string } {
  const socket = connect(Number(port), "127.0.0.1");
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
  });
  socket.on("error", () => {});
  socket.write(bytes);
  return { socket, heard: () => heard };
}

test("a request that would rather be something else is answered as if it did not ask; one for a WebSocket is handed over", async () => {
  const handedOver: string[] = [];
  app.server.on("upgrade", ({ url }, socket) => {
    handedOver.push(url!);
    socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  });
  const { port } = new URL(base);
  const ask = async (method: string, path: string, upgrade: string, body = "") => {
    const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n`;
    const type = body && `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    const { socket, heard } = talkTo(
      port,
      `${head}Upgrade: ${upgrade}\r\nHTTP2-Settings: AA\r\n${type}\r\n${body}`,
    );
    await once(socket, "close");
    return heard();
  };
  for (let i = 0; i < 3; i++) {
    const answer = await ask("POST", "/things", "h2c", JSON.stringify({ a: "x".repeat(20_000) }));
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(answer).toContain('{"got":{"a":"xxx');
    expect(await ask("GET", "/livez", "h2c")).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  }
  expect(handedOver).toEqual([]);
  expect(await ask("GET", "/line", "websocket")).toMatch(/^HTTP\/1.1 101/);
  expect(handedOver).toEqual(["/line"]);
});

test.each([
  ["where there is none", "/livez", "", 200],
  ["nowhere", "/nothing", "", 404],
  ["at no address", "/%zz", "", 400],
  ["in a broken request", "/livez", "Content-Encoding: gzip\r\n", 400],
])("a request for a WebSocket %s is answered, and its connection ends", async (_what, path, header, status) => {
  // As the library for WebSockets does.
  app.server.on("upgrade", (request, socket) => {
    const response = new ServerResponse(request);
    response.assignSocket(socket as Socket);
    app.routing(request, response);
  });
  const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  const { socket, heard } = talkTo(new URL(base).port, `${head}${header}\r\n`);
  await once(socket, "close");
  expect(heard()).toContain(`HTTP/1.1 ${status} `);
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { headers });

test("alive whatever else is wrong", async () => {
  reasons = { user: "the database cannot be reached" };
  const answer = await get("/livez");
  expect([answer.status, await answer.json()]).toEqual([200, { alive: true }]);
});

test("ready when every module is; otherwise 503 with the reasons", async () => {
  const ready = await get("/readyz");
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { ready: true, modules: { user: "ready", feed: "ready" } },
  ]);
  reasons.feed = "the video service is not reachable";
  const not = await get("/readyz");
  expect(not.headers.get("retry-after")).toBe("5");
  expect([not.status, await not.json()]).toEqual([
    503,
    { ready: false, modules: { user: "ready", feed: "the video service is not reachable" } },
  ]);
});

test.each([
  "Infinity",
  "-Infinity",
  "NaN",
  "1e309",
  "51",
  "0",
  "1.5",
  "",
])("no number within bounds: %s", async (limit) => {
  expect((await get(`/page?limit=${limit}`)).status).toBe(400);
});
test("a number within bounds", async () => {
  expect(await (await get("/page?limit=50")).json()).toEqual({ asked: { limit: 50 } });
});

describe("/metrics", () => {
  const forwarded = { "x-forwarded-for": "203.0.113.7" };
  const bearer = (token: string) => ({ ...forwarded, authorization: `Bearer ${token}` });

  test("shows this machine the requests, by route and not by path", async () => {
    for (const id of ["1", "2", "3"]) await get(`/things/${id}`);
    await get("/nowhere/4");
    metrics.gauge("douya_test_waiting", "Those who wait", () => 17);
    const answer = await get("/metrics");
    const text = await answer.text();
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(text).toContain(
      'douya_http_request_seconds_count{method="GET",route="/things/:id",status="200"} 3',
    );
    expect(text).toContain('douya_http_request_seconds_count{method="GET",route="none",status="404"} 1');
    expect(text).toContain("douya_test_waiting 17");
    expect(text).not.toContain("/nowhere");
  });

  test.each([
    ["a stranger through a proxy on this machine", forwarded, 404],
    ["a stranger with a wrong token", bearer("guess"), 404],
    ["a stranger with the beginning of the token", bearer("scrape"), 404],
    [
      "a stranger with the token under another scheme",
      { ...forwarded, authorization: "Basic scrape me" },
      404,
    ],
    ["a stranger behind a proxy that adds Forwarded", { forwarded: "for=203.0.113.7" }, 404],
    ["a stranger behind a proxy that adds X-Real-IP", { "x-real-ip": "203.0.113.7" }, 404],
    ["a stranger behind a proxy that adds Via", { via: "1.1 proxy" }, 404],
    ["a stranger behind a proxy that adds another header", { "X-Forwarded-Proto": "https" }, 404],
    ["a scraper with the token", bearer("scrape me"), 200],
  ] as [string, Record<string, string>, number][])("%s", async (_who, headers, status) => {
    expect((await get("/metrics", headers)).status).toBe(status);
  });

  test("without a configured token, none opens it", async () => {
    await app.close();
    await start("");
    for (const headers of [bearer(""), bearer("undefined"), { ...forwarded, authorization: "Bearer" }])
      expect((await get("/metrics", headers)).status).toBe(404);
  });

  const outward = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal)?.address;
  test.skipIf(!outward)("a stranger without a proxy", async () => {
    base = base.replace(/\/\/[^:]*/, `//${outward}`);
    expect((await get("/metrics")).status).toBe(404);
    expect((await get("/metrics", { authorization: "Bearer scrape me" })).status).toBe(200);
  });
});

describe("behind proxies", () => {
  const told = {
    "x-forwarded-for": "203.0.113.1, 198.51.100.7",
    "x-forwarded-proto": "http, https",
    "x-forwarded-host": "forged.example, douya.example",
  };
  const seen = async (setting: string, headers: Record<string, string>) => {
    await app.close();
    await start("", parseTrustProxy(setting));
    return (await get("/seen", headers)).json();
  };

  test.each([
    "1",
    "on",
    "127.0.0.0/8",
    "::1, 127.0.0.1",
  ])("that are trusted (%s): the nearest one's header counts", async (setting) => {
    const expected = { ip: "198.51.100.7", protocol: "https", host: "douya.example" };
    expect(await seen(setting, told)).toEqual(expected);
  });

  test.each(["off", "10.0.0.0/8"])("that are not trusted (%s): no header counts", async (setting) => {
    const expected = { ip: "127.0.0.1", protocol: "http", host: new URL(base).host };
    expect(await seen(setting, told)).toEqual({ ...expected, host: expect.stringContaining("127.0.0.1:") });
  });

  test.each([
    "javascript",
    "https:",
    "HTTPSX",
    "",
    "ftp",
    "https, x",
  ])("no address begins with %j", async (protocol) => {
    expect(await seen("1", { ...told, "x-forwarded-proto": protocol })).toMatchObject({ protocol: "http" });
  });
});

describe("where a name is set", () => {
  const named = () => app.close().then(() => start("scrape me", trustNobody, "https://douya.example:8443"));
  const asked = async (host: string, path = "/seen") => {
    const { port } = new URL(base);
    const { socket, heard } = talkTo(
      port,
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    await once(socket, "close");
    return heard();
  };

  test.each([
    "douya.example",
    "DOUYA.example:8443",
    "douya.example.",
    "127.0.0.1:1",
    "192.168.1.7",
    "[::1]:80",
    "localhost:8080",
    "a.localhost",
    "nas.local",
  ])("%s is taken for the server", async (host) => {
    await named();
    expect(await asked(host)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test.each([
    "evil.example",
    "douya.example.evil.example",
    "evil-douya.example",
    "127.0.0.1.evil.example",
    "local",
    "0x7f.1",
    "a b",
    "user@127.0.0.1",
    "",
  ])("%j is another server's", async (host) => {
    await named();
    const answer = await asked(host);
    // `local` is a name that nobody can own.
    if (host === "local") return expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toMatch(/^HTTP\/1\.1 4(21|00) /);
    if (answer.includes(" 421 ")) expect(answer).toContain("This server is https://douya.example:8443.");
  });

  test("the name within the address counts, and probes have names of their own", async () => {
    await named();
    expect(await asked("127.0.0.1", "http://evil.example/seen")).toMatch(/^HTTP\/1\.1 421 /);
    expect(await asked("evil.example", "http://douya.example/seen")).toMatch(/^HTTP\/1\.1 200 /);
    expect(await asked("pod-7.cluster.internal", "/livez")).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("under https, browsers are told to stay there", async () => {
    await named();
    for (const path of ["/seen", "/nothing", "/things/%ff"])
      expect((await get(path)).headers.get("strict-transport-security")).toBe("max-age=31536000");
  });

  test("nobody counts as local any more", async () => {
    await named();
    expect((await get("/metrics")).status).toBe(404);
    expect((await get("/metrics", { authorization: "Bearer scrape me" })).status).toBe(200);
  });
});

describe("connections", () => {
  test("that say nothing, or half a head, end after some seconds", async () => {
    const { port } = new URL(base);
    const quiet = talkTo(port, "");
    const half = talkTo(port, "GET /livez HTTP/1.1\r\nHost: a\r\n");
    await Promise.all([once(quiet.socket, "close"), once(half.socket, "close")]);
    expect(quiet.heard()).toBe("");
    expect(half.heard()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"HEAD_TOO_SLOW"/);
  });
});

describe("what is no request", () => {
  const answerTo = async (bytes: string) => {
    const { port } = new URL(base);
    const { socket, heard } = talkTo(port, bytes);
    await once(socket, "close");
    return heard();
  };
  const head = "Host: a\r\nConnection: close\r\n";

  test.each([
    ["noise", "\x16\x03\x01\x02\x00\x01", 400],
    ["another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["an unknown method", `BREW / HTTP/1.1\r\n${head}\r\n`, 400],
    ["a zero byte in the address", `GET /\0 HTTP/1.1\r\n${head}\r\n`, 400],
    ["a zero byte in a header", `GET / HTTP/1.1\r\nX: \0\r\n${head}\r\n`, 400],
    ["two lengths", `POST /things HTTP/1.1\r\n${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`, 400],
    [
      "a length and pieces",
      `POST /things HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["a length that is none", `POST /things HTTP/1.1\r\n${head}Content-Length: -1\r\n\r\n`, 400],
    ["no host", "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
    ["two hosts", `GET /livez HTTP/1.1\r\nHost: b\r\n${head}\r\n`, 400],
    ["a head without end", `GET /${"x".repeat(100_000)} HTTP/1.1\r\n${head}\r\n`, 431],
    ["an expectation", `GET /livez HTTP/1.1\r\nExpect: wonders\r\n${head}\r\n`, 417],
    ["a tunnel", `CONNECT a:80 HTTP/1.1\r\n${head}\r\n`, 405],
    [
      "a body that is packed",
      `POST /things HTTP/1.1\r\n${head}Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc`,
      400,
    ],
  ])("%s is refused in our form", async (_what, bytes, status) => {
    const answer = await answerTo(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    // Node.js itself requires the Host header, with an answer of its own.
    if (answer.includes("\r\n\r\n{")) {
      const { reason, detail } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));
      expect(detail).toMatch(/\.$/);
      expect(reason).toMatch(/^[A-Z_]+$/);
      expect(answer.toLowerCase()).toContain("x-content-type-options: nosniff");
    }
  });

  test.each([
    [
      "an expectation",
      `PUT /things HTTP/1.1\r\nExpect: wonders\r\n${head}Content-Length: 30000000\r\n\r\n`,
      417,
    ],
    ["a tunnel", `CONNECT a:80 HTTP/1.1\r\n${head}\r\n`, 405],
    ["noise", "\x16\x03\x01\x02\x00\x01", 400],
    ["an unknown method", `BREW / HTTP/1.1\r\n${head}Content-Length: 30000000\r\n\r\n`, 400],
    ["a broken address", `PUT /things/%ff HTTP/1.1\r\n${head}Content-Length: 30000000\r\n\r\n`, 400],
    ["no address", `PUT /none HTTP/1.1\r\n${head}Content-Length: 30000000\r\n\r\n`, 404],
  ])("%s is refused, and thirty megabytes that follow do not lose the answer", async (_what, bytes, status) => {
    // The server may have sent its last byte: that does not end what the client sends.
    const socket = connect({ port: Number(new URL(base).port), host: "127.0.0.1", allowHalfOpen: true });
    const closed = once(socket, "close");
    // A client that first sends all of it and only then reads loses the answer if the connection is reset meanwhile.
    await new Promise<void>((sent) => socket.end(bytes + "x".repeat(30_000_000), sent));
    expect((await text(socket)).slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    await closed;
  });

  test.each([
    ["HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n"],
    ["a whole address", `GET http://a/livez HTTP/1.1\r\n${head}\r\n`],
    ["an upgrade", `GET /livez HTTP/1.1\r\n${head}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`],
    ["one after the other", `GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\n${head}\r\n`],
  ])("%s is one", async (_what, bytes) => {
    expect(await answerTo(bytes)).toMatch(/^HTTP\/1\.1 200 [\s\S]*\{"alive":true\}/);
  });
});

describe("trace ids", () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const traceOf = async (traceparent: string) =>
    ((await (await get("/things/1", { traceparent })).json()) as { trace: string }).trace;

  test("are taken from the caller", async () => {
    expect(await traceOf(`00-${traceId}-00f067aa0ba902b7-01`)).toBe(traceId);
    expect(await traceOf(`01-${traceId}-00f067aa0ba902b7-01-later`)).toBe(traceId);
  });

  test.each([
    "",
    "nonsense",
    traceId,
    `00-${traceId}`,
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `ff-${traceId}-00f067aa0ba902b7-01`,
    `00-${traceId.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${traceId}0-00f067aa0ba902b7-01`,
  ])("%j is none, and each request gets its own", async (traceparent) => {
    const made = await Promise.all([traceOf(traceparent), traceOf(traceparent)]);
    for (const trace of made) expect(trace).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set([...made, traceId, "0".repeat(32)]).size).toBe(4);
  });
});

describe("bodies", () => {
  const talk = (bytes: string) => talkTo(new URL(base).port, bytes);

  test("of more than 64 KB are refused while they are still being sent, and the answer arrives", async () => {
    const head =
      "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n";
    const { socket, heard } = talk(head);
    socket.write(Buffer.alloc(1_000_000, " "));
    await expect.poll(heard).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  test.each([
    ["an address that is none", "POST /things/%zz HTTP/1.1\r\n", 400],
    ["a head too large", `POST /things HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n`, 431],
  ])("behind %s are read to the end, so that the answer reaches a client that reads late", async (_what, head, status) => {
    const size = 8_000_000;
    const { socket, heard } = talk(`${head}Host: a\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`);
    socket.pause();
    const closed = once(socket, "close");
    await new Promise((resolve) => socket.write(Buffer.alloc(size, " "), resolve));
    socket.resume();
    await closed;
    expect(heard()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test("a connection goes on after a refused body that came to its end", async () => {
    const body = " ".repeat(100_000);
    const { socket, heard } = talk(
      `POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await expect.poll(heard).toMatch(/^HTTP\/1\.1 413 /);
    socket.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    await expect.poll(heard).toMatch(/HTTP\/1\.1 200 [\s\S]*\{"alive":true\}/);
    socket.destroy();
  });

  describe("that come slowly", () => {
    const head = (path: string, type: string, sizeBytes: number) =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${sizeBytes}\r\n\r\n`;
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    const begun = () => expect.poll(() => vi.getTimerCount()).toBe(1);

    test("are refused after half a minute, and the answer arrives", async () => {
      const { socket, heard } = talk(`${head("/things", "application/json", 100)}{"a":`);
      await begun();
      vi.advanceTimersByTime(30_000);
      await expect.poll(heard).toMatch(/^HTTP\/1\.1 408 [\s\S]*BODY_TOO_SLOW/);
      expect(vi.getTimerCount()).toBe(0);
      socket.destroy();
    });

    test("are refused when a file has nearly stopped, and the answer arrives", async () => {
      const { socket, heard } = talk(head("/files", "video/mp4", 200_000));
      await begun();
      socket.write(Buffer.alloc(70_000));
      await expect.poll(() => gotBytes).toBe(70_000);
      vi.advanceTimersByTime(60_000);
      socket.write(Buffer.alloc(60_000));
      await expect.poll(() => gotBytes).toBe(130_000);
      vi.advanceTimersByTime(60_000);
      await expect.poll(heard).toMatch(/^HTTP\/1\.1 408 [\s\S]*BODY_TOO_SLOW/);
      socket.destroy();
    });

    test("are refused when a large file comes as a small one may", async () => {
      const { socket, heard } = talk(head("/files", "video/mp4", 2_000_000_000));
      await begun();
      socket.write(Buffer.alloc(70_000));
      await expect.poll(() => gotBytes).toBe(70_000);
      vi.advanceTimersByTime(60_000);
      socket.write(Buffer.alloc(70_000));
      await expect.poll(() => gotBytes).toBe(140_000);
      vi.advanceTimersByTime(60_000);
      await expect.poll(heard).toMatch(/^HTTP\/1\.1 408 [\s\S]*BODY_TOO_SLOW/);
      socket.destroy();
    });

    test("have so much time as their size calls for at a megabit a second, and ten minutes", () => {
      const minutes = (sizeBytes: number) => {
        let count = 1;
        while (dueBytes(sizeBytes, count * 60_000) < sizeBytes) count++;
        return count;
      };
      expect([100_000, 8_000_000, 200_000_000, 2_000_000_000].map(minutes)).toEqual([12, 13, 38, 272]);
      expect(dueBytes(undefined, 11 * 60_000)).toBeGreaterThan(dueBytes(2_000_000_000, 11 * 60_000));
    });

    test("are taken, however long it takes, when it is a file that keeps coming", async () => {
      const { socket, heard } = talk(head("/files", "video/mp4", 70_000 * 5));
      await begun();
      for (let i = 1; i <= 5; i++) {
        socket.write(Buffer.alloc(70_000));
        await expect.poll(() => gotBytes).toBe(70_000 * i);
        if (i < 5) vi.advanceTimersByTime(60_000);
      }
      await expect.poll(heard).toMatch(/^HTTP\/1\.1 200 [\s\S]*"gotBytes":350000/);
      await expect.poll(() => vi.getTimerCount()).toBe(0);
      socket.destroy();
    });
  });

  test("with half a character are refused by the field's name", async () => {
    const answer = await fetch(`${base}/things`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"title":"\\ud83d","other":"\\ud83d\\ude00"}',
    });
    expect(answer.status).not.toBe(200);
    expect(await answer.text()).toContain("title: is no Unicode text.");
  });
});
