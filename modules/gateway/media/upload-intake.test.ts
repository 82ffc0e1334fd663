import { mkdtemp, readdir, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { FastifyInstance } from "fastify";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { trustNobody } from "#platform/http/client-address.ts";
import { createHttpServer } from "#platform/http/http-server.ts";
import { localIssuerKeys } from "#platform/keys/issuer-keys.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import { localSignals } from "#platform/signals/signals.ts";
import { fixedSettings } from "#platform/testing/fixed-settings.ts";
import { type GatewayConfig, gatewayModule } from "../index.ts";
import { createUploadIntake } from "./upload-intake.ts";

const { privateKey, publicKey } = await generateKeyPair("EdDSA");
const exported = await exportJWK(publicKey);
/** Of the length of a thumbprint. */
const kid = exported.x!;
const jwk = JSON.stringify({ ...exported, alg: "EdDSA", kid });
const token = await new SignJWT({ sid: "2" })
  .setProtectedHeader({ alg: "EdDSA", kid })
  .setIssuer("user")
  .setAudience("douya")
  .setSubject("1")
  .setExpirationTime("1h")
  .sign(privateKey);
/** The first bytes of an MP4. */
const mp4 = Buffer.concat([Buffer.from("\0\0\0\x18ftypisom\0\0\0\0isomiso2"), Buffer.alloc(3000)]);

const maxUploadBytes = 20_000_000;

let app: FastifyInstance;
let gateway: Awaited<ReturnType<typeof gatewayModule.start>>;
let dir: string;
let port: number;
/** The latest request. */
let raw: IncomingMessage | undefined;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  dir = await mkdtemp(join(tmpdir(), "douya-uploads-"));
  const log = createLog("silent");
  const user = {
    listPublicKeys: async () => ({ jwks: [jwk] }),
    checkSessions: async () => ({ aliveSessionIds: ["2"], moderatorSessionIds: [], mutedSessions: [] }),
  };
  const config: GatewayConfig = {
    publicUrl: "",
    mediaUrl: "",
    realtimeUrls: [],
    mediaCacheSeconds: 60,
    maxUploadBytes,
    quotaBytes: 0,
    timeZone: "Asia/Shanghai",
    webDir: join(dir, "none"),
    secret: "s".repeat(32),
  };
  const metrics = createMetrics();
  const protect = embeddedProtection({ limits: true, metrics });
  const blobs = await diskBlobStore(dir);
  gateway = await gatewayModule.start({
    config,
    clients: { user },
    outage: () => undefined,
    signals: localSignals(),
    issuerKeys: localIssuerKeys(),
    settings: fixedSettings(),
    blobs,
    caches: embeddedCaches(metrics),
    protect,
    metrics,
    log,
  } as never);
  const readiness = async () => ({});
  app = createHttpServer({
    log,
    metrics,
    trustProxy: trustNobody,
    publicUrl: "",
    metricsToken: "",
    readiness,
  });
  raw = undefined;
  app.addHook("onRequest", async (request) => {
    raw = request.raw;
  });
  await app.register(gateway.routes!);
  port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
});
afterEach(async () => {
  vi.useRealTimers();
  await app.close();
  await gateway.stop!();
  await rm(dir, { recursive: true, force: true });
});
const staged = () => readdir(join(dir, "staging"));

/** Sends the beginning of a request whose body never ends. */
function begin(request: string, headers: string[], body: Buffer | string, length = "Content-Length: 500000") {
  const socket = connect(port, "127.0.0.1");
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
  });
  socket.on("error", () => {});
  socket.write([`${request} HTTP/1.1`, "Host: a", length, ...headers, "", ""].join("\r\n"));
  socket.write(body);
  return { socket, heard: () => heard };
}
const form = (...parts: string[]) =>
  parts.map((part) => `--x\r\nContent-Disposition: form-data; ${part}`).join("\r\n");
const formType = "Content-Type: multipart/form-data; boundary=x";
const filePart = `name="data"; filename="a.mp4"\r\nContent-Type: video/mp4\r\n\r\n${mp4.toString("latin1")}`;

describe("a sender that nearly stops is told, and nothing is kept", () => {
  test.each([
    ["a file", "POST /api/v1/uploads", [`Authorization: Bearer ${token}`, "Content-Type: video/mp4"], mp4, 1],
    ["a form with a file", `POST /douyin/publish/action/?token=${token}`, [formType], form(filePart), 1],
    [
      "a form before its file",
      "POST /douyin/publish/action/",
      [formType],
      form('name="title"\r\n\r\nSlow'),
      0,
    ],
    ["the form of a GET", "GET /douyin/feed/", ["Content-Type: application/x-www-form-urlencoded"], "a=b", 0],
  ])("%s", async (_name, request, headers, body, files) => {
    // The gateway has some of its own.
    const timers = vi.getTimerCount();
    const { socket, heard } = begin(request, headers, body);
    await expect.poll(() => vi.getTimerCount()).toBe(timers + 1);
    await expect.poll(staged).toHaveLength(files);
    await expect.poll(() => raw?.listenerCount("error")).toBeGreaterThan(0);
    // The reader may be about to begin.
    const later = () => {
      vi.advanceTimersByTime(60_000);
      return heard();
    };
    await expect.poll(later).toMatch(/"reason":"BODY_TOO_SLOW"|"status_code":10211/);
    expect(heard()).toMatch(/^HTTP\/1\.1 408 /);
    await expect.poll(staged).toEqual([]);
    socket.destroy();
  });
});

test("without a known sender, one address may send eight files at once", async () => {
  const send = () => begin("POST /douyin/publish/action/", [formType], form(filePart));
  const [first, ...others] = Array.from({ length: 8 }, send);
  await expect.poll(staged).toHaveLength(8);
  const ninth = send();
  await expect.poll(ninth.heard).toMatch(/^HTTP\/1\.1 429 [\s\S]*retry-after: \d/i);
  const known = begin(`POST /douyin/publish/action/?token=${token}`, [formType], form(filePart));
  await expect.poll(staged).toHaveLength(9);
  first!.socket.destroy();
  await expect.poll(staged).toHaveLength(8);
  // The place is free a moment after the file is gone.
  const more: ReturnType<typeof send>[] = [];
  await expect
    .poll(() => {
      more.push(send());
      return staged();
    })
    .toHaveLength(9);
  for (const { socket } of [...others, ninth, known, ...more]) socket.destroy();
});

describe("a large file whose sender is not known yet", () => {
  const path = "POST /douyin/publish/action/";
  const refused = /^HTTP\/1\.1 200 [\s\S]*"status_code":10105,"status_msg":"Send the token before the file/;

  test("is refused before it is sent if its size is announced", async () => {
    const { socket, heard } = begin(path, [formType], form(filePart), "Content-Length: 6000000");
    await expect.poll(heard).toMatch(refused);
    expect(await staged()).toEqual([]);
    socket.destroy();
  });

  test("is refused as soon as it is too large, and nothing of it is kept", async () => {
    const { socket, heard } = begin(path, [formType], "", "Transfer-Encoding: chunked");
    for (const part of [form(filePart), Buffer.alloc(6_000_000)]) {
      socket.write(`${part.length.toString(16)}\r\n`);
      socket.write(part);
      socket.write("\r\n");
    }
    await expect.poll(heard).toMatch(refused);
    await expect.poll(staged).toEqual([]);
    socket.destroy();
  });

  test.each([
    ["in the query", `${path}?token=${token}`, form(filePart)],
    ["before it", path, form(`name="token"\r\n\r\n${token}`, filePart)],
  ])("is taken with its token %s", async (_where, request, body) => {
    const { socket } = begin(request, [formType], body, "Content-Length: 6000000");
    await expect.poll(staged).toHaveLength(1);
    socket.destroy();
    await expect.poll(staged).toEqual([]);
  });
});

test("concurrent uploads of one person take no more room than two of the largest files, in either form", async () => {
  const length = `Content-Length: ${maxUploadBytes}`;
  const asForm = () =>
    begin(`POST /douyin/publish/action/?token=${token}`, [formType], form(filePart), length);
  const bare = () =>
    begin("POST /api/v1/uploads", [`Authorization: Bearer ${token}`, "Content-Type: video/mp4"], mp4, length);
  const first = asForm();
  const second = bare();
  await expect.poll(staged).toHaveLength(2);
  for (const third of [asForm(), bare()]) {
    await expect.poll(third.heard).toMatch(/^HTTP\/1\.1 429 [\s\S]*retry-after: \d/i);
    third.socket.destroy();
  }
  first.socket.destroy();
  await expect.poll(staged).toHaveLength(1);
  second.socket.destroy();
});

test("a connection lost while a limit is checked is refused, and the process goes on", async () => {
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const blobs = await diskBlobStore(dir);
  const metrics = createMetrics();
  const limits = {
    ...embeddedProtection({ limits: true, metrics }),
    rateLimit: () => ({ take: () => asked }),
  };
  const intake = createUploadIntake(blobs, {} as never, limits, 1_000_000);
  const source = new PassThrough();
  const from = { person: "1", address: "192.0.2.1", sizeBytes: undefined };
  const received = intake.receiveVideo(source, from).catch((error: unknown) => error);
  const closed = new Promise((resolve) => source.once("close", resolve));
  source.destroy(new Error("the connection was lost"));
  await closed;
  answer();
  expect(await received).toMatchObject({ reason: "UPLOAD_INCOMPLETE" });
  expect(await staged()).toEqual([]);
});
