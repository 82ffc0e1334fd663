import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type DetailedError, Upload } from "tus-js-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { type Deployment, deploy, shapes } from "./harness/deployment.ts";
import { body, type Problem, type Schemas, send } from "./harness/http-client.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";

type Video = Schemas["Video"];

describe.each(shapes)("uploads in pieces, %s", (shape) => {
  let deployment: Deployment;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    deployment = await deploy(shape);
  });
  afterAll(() => deployment.remove());

  const tus = (
    method: string,
    path: string,
    person: Person,
    headers: Record<string, string | number> = {},
    bytes?: Uint8Array,
  ) =>
    fetch(path.startsWith("http") ? path : `${server.origin}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${person.session.accessToken}`,
        "tus-resumable": "1.0.0",
        ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      },
      ...(bytes && { body: bytes as Uint8Array<ArrayBuffer> }),
    });
  const begin = async (person: Person, sizeBytes: number) => {
    const begun = await tus("POST", "/api/v1/uploads/tus", person, { "upload-length": sizeBytes });
    expect(begun.status).toBe(201);
    return begun.headers.get("location")!;
  };
  const patch = (person: Person, location: string, at: number, bytes: Uint8Array, headers = {}) =>
    tus(
      "PATCH",
      location,
      person,
      { "content-type": "application/offset+octet-stream", "upload-offset": at, ...headers },
      bytes,
    );
  const offset = async (person: Person, location: string) => {
    const asked = await tus("HEAD", location, person);
    return asked.status === 200 ? Number(asked.headers.get("upload-offset")) : asked.status;
  };
  const reasonOf = async (answer: Response) => ((await answer.json()) as Problem).reason;
  const publish = async (person: Person, location: string) => {
    const json = { uploadId: location.split("/").at(-1)!, title: "in pieces" };
    return person.settled(body(await person.post<Video>("/videos", { json }), 201).id);
  };
  /** Sends the beginning of a piece over a connection of its own, which stays open. */
  async function sendPart(person: Person, location: string, at: number, bytes: Uint8Array, whole: number) {
    const { hostname, port } = new URL(server.origin);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.write(
      `PATCH ${location} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${person.session.accessToken}\r\n` +
        `tus-resumable: 1.0.0\r\nupload-offset: ${at}\r\ncontent-type: application/offset+octet-stream\r\n` +
        `content-length: ${whole}\r\n\r\n`,
    );
    socket.write(bytes);
    return { socket, answer: () => answer };
  }
  const partialFiles = async () => {
    const names = await readdir(join(deployment.dataDir, "blobs"), { recursive: true });
    return names.filter((name) => name.endsWith(".part"));
  };

  test("tus-js-client sends a file in pieces, and it becomes a video", async () => {
    const ada = await server.register();
    const file = Buffer.from(freshClip());
    const location = await new Promise<string>((resolve, reject) => {
      const upload = new Upload(file, {
        endpoint: `${server.origin}/api/v1/uploads/tus`,
        headers: { authorization: `Bearer ${ada.session.accessToken}` },
        chunkSize: 20_000,
        onError: reject,
        onSuccess: () => resolve(upload.url!),
      });
      upload.start();
    });
    const video = await publish(ada, location);
    expect(video.state).toBe("published");
    // As often as one likes, also of a published one.
    expect(await offset(ada, location)).toBe(file.length);
    expect(await partialFiles()).toEqual([]);
  });

  test("what the server can do is told to everybody", async () => {
    const answer = await fetch(`${server.origin}/api/v1/uploads/tus`, { method: "OPTIONS" });
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "tus-version": "1.0.0",
      "tus-resumable": "1.0.0",
      "tus-extension": "creation,creation-with-upload,termination,checksum,expiration",
      "tus-checksum-algorithm": "sha1,sha256,md5",
      "tus-max-size": expect.stringMatching(/^\d+$/),
    });
  });

  test("what came before the line was cut stays, also through kill -9, and the rest may follow", async () => {
    const ada = await server.register();
    const file = Buffer.from(freshClip());
    const location = await begin(ada, file.length);
    const half = Math.floor(file.length / 2);
    const cut = await sendPart(ada, location, 0, file.subarray(0, half), file.length);
    await expect.poll(() => offset(ada, location)).toBeGreaterThan(0);
    cut.socket.destroy();
    await expect.poll(() => offset(ada, location)).toBe(half);
    for (const module of shape === "all" ? ["gateway"] : ["gateway", "video"]) {
      await deployment.programOf(module).kill();
      await deployment.restart(module);
    }
    expect(await offset(ada, location)).toBe(half);
    const rest = await patch(ada, location, half, file.subarray(half));
    expect([rest.status, rest.headers.get("upload-offset")]).toEqual([204, String(file.length)]);
    expect((await publish(ada, location)).state).toBe("published");
  });

  test("a second connection goes on where the first one is, which is told so", async () => {
    const ada = await server.register();
    const file = Buffer.from(freshClip());
    const location = await begin(ada, file.length);
    const first = await sendPart(ada, location, 0, file.subarray(0, 3000), file.length);
    // Who asks for the offset does not interrupt.
    await expect.poll(() => offset(ada, location)).toBe(3000);
    await expect
      .poll(async () => {
        const at = await offset(ada, location);
        return (await patch(ada, location, at, file.subarray(at))).status;
      })
      .toBe(204);
    await expect.poll(first.answer).toMatch(/^HTTP\/1.1 409.*UPLOAD_TAKEN_OVER/s);
    first.socket.destroy();
    expect((await publish(ada, location)).state).toBe("published");
  });

  test("only its owner interrupts or cancels an upload", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    const file = Buffer.from(freshClip());
    const location = await begin(ada, file.length);
    const sending = await sendPart(ada, location, 0, file.subarray(0, 3000), file.length);
    await expect.poll(() => offset(ada, location)).toBe(3000);
    expect((await tus("DELETE", location, ben)).status).toBe(404);
    expect((await patch(ben, location, 3000, file.subarray(3000))).status).toBe(404);
    sending.socket.write(file.subarray(3000));
    await expect.poll(sending.answer).toMatch(/^HTTP\/1.1 204/);
    sending.socket.destroy();
    // Its owner's end of it is felt by the connection that sends.
    const other = await begin(ada, file.length);
    const interrupted = await sendPart(ada, other, 0, file.subarray(0, 3000), file.length);
    await expect.poll(() => offset(ada, other)).toBe(3000);
    expect((await tus("DELETE", other, ada)).status).toBe(204);
    await expect.poll(interrupted.answer).toMatch(/^HTTP\/1.1 409.*UPLOAD_TAKEN_OVER/s);
    interrupted.socket.destroy();
    await expect.poll(partialFiles).toEqual([]);
  });

  test("creation with the first bytes, and the last ones with a checksum", async () => {
    const ada = await server.register();
    const file = Buffer.from(freshClip());
    const begun = await tus(
      "POST",
      "/api/v1/uploads/tus",
      ada,
      { "upload-length": file.length, "content-type": "application/offset+octet-stream" },
      file.subarray(0, 5000),
    );
    expect([begun.status, begun.headers.get("upload-offset")]).toEqual([201, "5000"]);
    const location = begun.headers.get("location")!;
    const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("base64");
    const rest = file.subarray(5000);
    const wrong = await patch(ada, location, 5000, rest, {
      "upload-checksum": `sha256 ${digest(randomBytes(9))}`,
    });
    expect([wrong.status, await reasonOf(wrong)]).toEqual([460, "CHECKSUM_MISMATCH"]);
    expect(await offset(ada, location)).toBe(5000);
    // A piece that breaks off cannot be compared, so nothing of it stays.
    const right = { "upload-checksum": `sha256 ${digest(rest)}` };
    expect((await patch(ada, location, 5000, rest, right)).status).toBe(204);
    expect((await publish(ada, location)).state).toBe("published");
  });

  test("POST does what X-HTTP-Method-Override says, and nothing else", async () => {
    const ada = await server.register();
    const file = Buffer.from(freshClip());
    const location = await begin(ada, file.length);
    const piece = { "content-type": "application/offset+octet-stream", "upload-offset": 0 };
    const as = (method: string) => ({ ...piece, "x-http-method-override": method });
    for (const headers of [piece, as("PUT")]) {
      const refused = await tus("POST", location, ada, headers, file);
      expect([refused.status, await reasonOf(refused)]).toEqual([400, "TUS_HEADER_INVALID"]);
    }
    expect((await tus("POST", location, ada, as("PATCH"), file)).status).toBe(204);
    expect(await offset(ada, location)).toBe(file.length);
    const other = await begin(ada, 5000);
    expect((await tus("POST", other, ada, { "x-http-method-override": "DELETE" })).status).toBe(204);
    expect(await offset(ada, other)).toBe(404);
  });

  test("an upload that is cancelled is gone, with its file", async () => {
    const ada = await server.register();
    const file = Buffer.from(freshClip());
    const location = await begin(ada, file.length);
    await patch(ada, location, 0, file.subarray(0, 5000));
    expect((await tus("DELETE", location, ada)).status).toBe(204);
    expect(await offset(ada, location)).toBe(404);
    expect(await partialFiles()).toEqual([]);
    expect(await reasonOf(await tus("DELETE", location, ada))).toBe("UPLOAD_NOT_FOUND");
  });

  test("what is no video is refused with its first bytes, and gone", async () => {
    const ada = await server.register();
    const location = await begin(ada, 100_000);
    const refused = await patch(ada, location, 0, randomBytes(2000));
    expect([refused.status, await reasonOf(refused)]).toEqual([422, "NOT_A_VIDEO"]);
    expect(await offset(ada, location)).toBe(404);
    // Byte by byte as well.
    const text = await begin(ada, 5);
    for (let at = 0; at < 4; at++) expect((await patch(ada, text, at, Buffer.from("x"))).status).toBe(204);
    expect(await reasonOf(await patch(ada, text, 4, Buffer.from("x")))).toBe("NOT_A_VIDEO");
    expect(await partialFiles()).toEqual([]);
  });

  test("a video that cannot be played is refused with its last byte, and gone", async () => {
    const ada = await server.register();
    const file = Buffer.concat([Buffer.from(freshClip()).subarray(0, 64), randomBytes(3000)]);
    const location = await begin(ada, file.length);
    const refused = await patch(ada, location, 0, file);
    expect([refused.status, await offset(ada, location)]).toEqual([422, 404]);
    expect(await partialFiles()).toEqual([]);
  });

  test("other people's uploads are unknown, and guests are refused", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    const location = await begin(ada, 5000);
    for (const method of ["HEAD", "PATCH", "DELETE"]) {
      const headers = { "content-type": "application/offset+octet-stream", "upload-offset": 0 };
      const asked = await tus(
        method,
        location,
        ben,
        headers,
        method === "PATCH" ? Buffer.from("x") : undefined,
      );
      expect(asked.status).toBe(404);
    }
    expect(await offset(ada, location)).toBe(0);
    const guest = await send<Problem>("POST", `${server.origin}/api/v1/uploads/tus`, {
      headers: { "tus-resumable": "1.0.0", "upload-length": "5" },
    });
    expect([guest.status, guest.body.reason]).toEqual([401, "LOGIN_REQUIRED"]);
  });

  test.each([
    ["no version", "POST", { "tus-resumable": "0.2.2", "upload-length": 5 }, 412, "TUS_VERSION_UNSUPPORTED"],
    ["no length", "POST", {}, 400, "TUS_HEADER_INVALID"],
    ["no number", "POST", { "upload-length": "5e9" }, 400, "TUS_HEADER_INVALID"],
    ["less than nothing", "POST", { "upload-length": "-1" }, 400, "TUS_HEADER_INVALID"],
    ["a size that is told later", "POST", { "upload-defer-length": 1 }, 400, "TUS_HEADER_INVALID"],
    ["a part", "POST", { "upload-concat": "partial", "upload-length": 5 }, 400, "TUS_HEADER_INVALID"],
    ["parts that are joined", "POST", { "upload-concat": "final;/1 /2" }, 400, "TUS_HEADER_INVALID"],
    ["nothing", "POST", { "upload-length": 0 }, 422, "EMPTY_FILE"],
    ["too much", "POST", { "upload-length": 999_999_999_999 }, 413, "BODY_TOO_LARGE"],
    [
      "very much metadata",
      "POST",
      { "upload-length": 5, "upload-metadata": `a ${"b".repeat(5000)}` },
      400,
      "TUS_HEADER_INVALID",
    ],
    ["no offset", "PATCH", { "content-type": "application/offset+octet-stream" }, 400, "TUS_HEADER_INVALID"],
    [
      "another offset",
      "PATCH",
      { "content-type": "application/offset+octet-stream", "upload-offset": 7 },
      409,
      "UPLOAD_OFFSET_WRONG",
    ],
    [
      "another type",
      "PATCH",
      { "content-type": "application/octet-stream", "upload-offset": 0 },
      415,
      "PIECE_TYPE_WRONG",
    ],
    ["a form", "PATCH", { "content-type": "application/json", "upload-offset": 0 }, 415, "PIECE_TYPE_WRONG"],
    [
      "another checksum",
      "PATCH",
      {
        "content-type": "application/offset+octet-stream",
        "upload-offset": 0,
        "upload-checksum": "crc32 AAAA",
      },
      400,
      "TUS_HEADER_INVALID",
    ],
  ])("%s is refused by name", async (_what, method, headers, status, reason) => {
    const ada = await server.register();
    const path = method === "POST" ? "/api/v1/uploads/tus" : await begin(ada, 5000);
    const bytes = method === "PATCH" ? Buffer.from("{}") : undefined;
    const refused = await tus(method, path, ada, headers as never, bytes);
    expect([refused.status, await reasonOf(refused)]).toEqual([status, reason]);
    if (method === "PATCH") expect(await offset(ada, path)).toBe(0);
  });

  test("more than was announced is refused, and none of it kept", async () => {
    const ada = await server.register();
    const file = Buffer.from(freshClip());
    const location = await begin(ada, 5000);
    const refused = await patch(ada, location, 0, file);
    expect([refused.status, await reasonOf(refused)]).toEqual([413, "BODY_TOO_LARGE"]);
    expect(await offset(ada, location)).toBe(0);
  });

  test("one person has so many unfinished ones and no more", async () => {
    const ada = await server.register();
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const { status } = await tus("POST", "/api/v1/uploads/tus", ada, { "upload-length": 1 });
        return status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([201, 429]));
  });

  test("a client that gives up tells what is wrong", async () => {
    const ada = await server.register();
    const error = await new Promise<Error | DetailedError>((resolve, reject) =>
      new Upload(Buffer.alloc(3000, "no video"), {
        endpoint: `${server.origin}/api/v1/uploads/tus`,
        headers: { authorization: `Bearer ${ada.session.accessToken}` },
        retryDelays: [],
        onError: resolve,
        onSuccess: () => reject(new Error("it was taken")),
      }).start(),
    );
    expect((error as DetailedError).originalResponse?.getStatus()).toBe(422);
  });
});
