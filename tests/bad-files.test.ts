import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { badFiles, mp4Head } from "./harness/bad-files.ts";
import { classicClient, refused } from "./harness/classic-client.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Problem, type Schemas } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { rawRequest, zerosAfter } from "./harness/raw-request.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const megabyte = 1024 * 1024;
const maxUploadBytes = 200 * megabyte;

const text = (value: string) => Buffer.from(value);

describe.each(shapes)("bad files, %s", (shape) => {
  const server = scenario(shape, { env: { DOUYA_MAX_UPLOAD_MB: String(maxUploadBytes / megabyte) } });
  const classicApi = classicClient(() => server.origin);
  let ada: Person;
  let before: string[];
  const stored = () => listFiles(join(server.deployment.dataDir, "blobs"));

  /** A request to it means that an address in a stranger's file was followed. */
  let canary: Server;
  const visits: string[] = [];
  const canaryUrl = () => `http://127.0.0.1:${(canary.address() as AddressInfo).port}/clip.mp4`;

  beforeAll(async () => {
    ada = await server.register();
    canary = createServer((request, reply) => {
      visits.push(request.url!);
      reply.end();
    });
    await new Promise<void>((resolve) => canary.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    canary.close();
  });
  beforeEach(async () => {
    before = await stored();
  });
  afterEach(async () => {
    // Not equal to before: the check of the media tool has a file there for a moment.
    await until("nothing stays of what was refused", async () =>
      (await stored()).every((file) => before.includes(file)),
    );
    expect(visits).toEqual([]);
  });

  test.each(badFiles(canaryUrl))("%s is refused with a reason", async (_name, make, status, reason, code) => {
    const bytes = make();
    expectProblem(await ada.upload(bytes), status, reason);
    expectProblem(
      await ada.post("/uploads", { bytes, headers: { "content-type": "video/mp4" } }),
      status,
      reason,
    );
    const token = ada.session.accessToken;
    refused(
      await classicApi.publish([
        ["token", token],
        ["data", new Blob([bytes])],
        ["title", "x"],
      ]),
      code,
    );
    // In pieces, of which this is the only one; and told by its hash.
    const inPieces = await fetch(`${server.origin}/api/v1/uploads/tus`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "tus-resumable": "1.0.0",
        "content-type": "application/offset+octet-stream",
        "upload-length": String(bytes.length),
      },
      body: bytes,
    });
    expect(await inPieces.json()).toMatchObject({ status, reason });
    if (bytes.length === 0) return;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const known = await ada.post("/uploads/known", { json: { sha256, sizeBytes: bytes.length } });
    expectProblem(known, 404, "UPLOAD_UNKNOWN");
  });

  test("a picture named .mp4 is an upload of a picture, and no video of the classic API", async () => {
    const bytes = clip("bright-left.jpg");
    refused(
      await classicApi.publish([
        ["token", ada.session.accessToken],
        ["data", new Blob([bytes])],
        ["title", "x"],
      ]),
      10204,
    );
    const upload = await ada.post<Schemas["Upload"]>("/uploads", {
      bytes,
      headers: { "content-type": "video/mp4" },
    });
    expect(body(upload, 201)).toMatchObject({ kind: "picture", width: 96, height: 64 });
    before = await stored();
  });

  test("an MP4 whose data are elsewhere is refused, and they are not fetched", async () => {
    const file = clip("compliant.mp4");
    const at = file.indexOf("url \0\0\0\x01", 0, "latin1");
    expect(at).toBeGreaterThan(0);
    // "Not in this file", followed by the other place.
    file.writeUInt32BE(0, at + 4);
    const answer = await ada.upload(file);
    // Whether it counts as damaged or is read, nothing outside of it is read.
    expect([201, 422]).toContain(answer.status);
    before = await stored();
  });

  test("without a body, or with the wrong kind, the refusal says what to send", async () => {
    expectProblem(await ada.post("/uploads"), 422, "EMPTY_FILE");
    expectProblem(await ada.post("/uploads", { json: {} }), 422, "UNSUPPORTED_MEDIA_TYPE");
    const form = new FormData();
    form.append("data", new Blob([freshClip()]));
    expectProblem(await ada.post("/uploads", { bytes: form }), 422, "UNSUPPORTED_MEDIA_TYPE");
    expectProblem(await server.api("POST", "/uploads", { bytes: freshClip() }), 401, "LOGIN_REQUIRED");
  });

  describe("large ones", () => {
    const headers = () => ({
      authorization: `Bearer ${ada.session.accessToken}`,
      "content-type": "application/octet-stream",
    });
    const boundary = "xxxxxxxx";
    const formHead = () =>
      text(
        `--${boundary}\r\ncontent-disposition: form-data; name="token"\r\n\r\n${ada.session.accessToken}\r\n` +
          `--${boundary}\r\ncontent-disposition: form-data; name="data"; filename="a.mp4"\r\n\r\n`,
      );
    const multipart = { "content-type": `multipart/form-data; boundary=${boundary}` };
    const reasonOf = (answer: { text: string }) => (JSON.parse(answer.text) as Problem).reason;

    test.each([
      false,
      true,
    ])("a file that is no video is refused before it is sent, read to the end: %s", async (deaf) => {
      const sizeBytes = 150 * megabyte;
      const answer = await rawRequest(server.origin, {
        path: "/api/v1/uploads",
        headers: { ...headers(), "content-length": String(sizeBytes) },
        pieces: zerosAfter(text("not a video"), sizeBytes),
        deaf,
      });
      expect(answer.status).toBe(422);
      expect(reasonOf(answer)).toBe("NOT_A_VIDEO");
      if (!deaf) expect(answer.sentBytes).toBeLessThan(20 * megabyte);
    });

    test.each([false, true])("the same in a form of the classic API, read to the end: %s", async (deaf) => {
      const sizeBytes = 150 * megabyte;
      const first = Buffer.concat([formHead(), text("not a video")]);
      const answer = await rawRequest(server.origin, {
        path: "/douyin/publish/action/",
        headers: { ...multipart, "content-length": String(sizeBytes) },
        pieces: zerosAfter(first, sizeBytes),
        deaf,
      });
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text).status_code).toBe(10204);
      if (!deaf) expect(answer.sentBytes).toBeLessThan(20 * megabyte);
    });

    test("a file announced as too large is refused before it is sent", async () => {
      const sizeBytes = maxUploadBytes + 1;
      const answer = await rawRequest(server.origin, {
        path: "/api/v1/uploads",
        headers: { ...headers(), "content-length": String(sizeBytes) },
        pieces: zerosAfter(clip("compliant.mp4"), sizeBytes),
      });
      expect(answer.status).toBe(413);
      expect(reasonOf(answer)).toBe("BODY_TOO_LARGE");
      expect(answer.sentBytes).toBeLessThan(20 * megabyte);
    });

    test("an unannounced one is refused as soon as it is too large, in either form", async () => {
      const chunked = function* (pieces: Iterable<Uint8Array>) {
        for (const piece of pieces) {
          yield text(`${piece.length.toString(16)}\r\n`);
          yield piece;
          yield text("\r\n");
        }
        yield text("0\r\n\r\n");
      };
      const sizeBytes = maxUploadBytes + 4 * megabyte;
      const raw = await rawRequest(server.origin, {
        path: "/api/v1/uploads",
        headers: { ...headers(), "transfer-encoding": "chunked" },
        pieces: chunked(zerosAfter(clip("compliant.mp4"), sizeBytes)),
      });
      expect({ status: raw.status, reason: reasonOf(raw) }).toEqual({
        status: 413,
        reason: "BODY_TOO_LARGE",
      });
      const form = await rawRequest(server.origin, {
        path: "/douyin/publish/action/",
        headers: { ...multipart, "transfer-encoding": "chunked" },
        pieces: chunked(zerosAfter(Buffer.concat([formHead(), clip("compliant.mp4")]), sizeBytes)),
      });
      expect({ status: form.status, code: JSON.parse(form.text).status_code }).toEqual({
        status: 413,
        code: 10210,
      });
    });

    test("memory does not grow with what is sent", async () => {
      const gateway = server.deployment.programOf("gateway");
      const restBytes = gateway.memoryBytes();
      if (restBytes === undefined) return;
      let mostBytes = 0;
      const timer = setInterval(() => {
        mostBytes = Math.max(mostBytes, gateway.memoryBytes()!);
      }, 20);
      const sizeBytes = 190 * megabyte;
      const answer = await rawRequest(server.origin, {
        path: "/api/v1/uploads",
        headers: { ...headers(), "content-length": String(sizeBytes) },
        // An index without data: damaged, but only at its end.
        pieces: zerosAfter(mp4Head, sizeBytes),
      }).finally(() => clearInterval(timer));
      expect(reasonOf(answer)).toBe("VIDEO_DAMAGED");
      expect(mostBytes - restBytes).toBeLessThan(64 * megabyte);
    });

    test("a client that hangs up in the middle leaves nothing", async () => {
      const first = freshClip();
      for (const [path, more, head] of [
        ["/api/v1/uploads", headers(), first],
        ["/douyin/publish/action/", multipart, Buffer.concat([formHead(), first])],
      ] as const) {
        const hungUp = rawRequest(server.origin, {
          path,
          headers: { ...more, "content-length": "100000000" },
          pieces: zerosAfter(head, megabyte),
          hangsUp: true,
        });
        await expect(hungUp).rejects.toThrow("no answer");
      }
    });
  });

  describe("broken forms", () => {
    const publish = (bytes: string, contentType: string) =>
      classicApi.send("POST", "/publish/action/", {}, { bytes, headers: { "content-type": contentType } });
    const part = (head: string, value: string) => `--b\r\n${head}\r\n\r\n${value}\r\n`;
    const field = (name: string, value: string) =>
      part(`content-disposition: form-data; name="${name}"`, value);

    test.each([
      ["no boundary", "", "multipart/form-data"],
      ["nothing in it", "", "multipart/form-data; boundary=b"],
      ["no end", field("title", "x"), "multipart/form-data; boundary=b"],
      ["cut in a head", "--b\r\ncontent-dispo", "multipart/form-data; boundary=b"],
      ["another boundary", `${field("title", "x")}--b--`, "multipart/form-data; boundary=c"],
      ["no head", "--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b"],
      ["not multipart at all", "\0\x01\x02", "multipart/form-data; boundary=b"],
      ["a boundary without end", "x", `multipart/form-data; boundary=${"b".repeat(5000)}`],
      ["a field without end", field("title", "x".repeat(100_000)), "multipart/form-data; boundary=b"],
      ["fields without end", field("f", "x").repeat(500), "multipart/form-data; boundary=b"],
      ["names of the language", `${field("__proto__", "x")}--b--`, "multipart/form-data; boundary=b"],
      ["another type", "{}", "application/json"],
      ["broken JSON", "{", "application/json"],
      ["an unknown type", "x", "x/y"],
      ["no type", "x", ""],
    ])("%s", async (_name, bytes, contentType) => {
      const answer = await publish(bytes, contentType);
      expect([200, 413], answer.text).toContain(answer.status);
      expect(answer.body.status_code).toBeGreaterThanOrEqual(10_000);
      expect(answer.body.status_code).toBeLessThan(20_000);
      expect(answer.body.status_msg).toMatch(/\.$/);
    });

    test("two files, or a file under another name", async () => {
      const token = ada.session.accessToken;
      const file = () => new Blob([freshClip()]);
      const fields: [string, string | Blob][] = [
        ["token", token],
        ["title", "x"],
      ];
      const twice = await classicApi.publish([...fields, ["data", file()], ["data", file()]]);
      expect(twice.status).toBe(413);
      expect(twice.body.status_code).toBe(10210);
      refused(await classicApi.publish([...fields, ["file", file()]]), 10001);
    });
  });
});
