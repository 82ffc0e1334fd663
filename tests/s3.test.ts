import { mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { S3Client } from "#platform/s3/s3-client.ts";
import { withS3 } from "#platform/testing/private-ceph.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { freshClip } from "./harness/clips.ts";
import { type Deployment, deploy, shapes } from "./harness/deployment.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

const ceph = withS3();

/** Of a blob, below the folder of blobs. */
function pathOf(key: string): string {
  const [namespace = "", name = ""] = key.split("/");
  return join(namespace, name.slice(0, 2), name.slice(2, 4), name);
}

/** A part of an MP4 that players skip. */
function freeBox(bytes: number): Buffer {
  const box = Buffer.alloc(bytes);
  box.writeUInt32BE(bytes, 0);
  box.write("free", 4, "latin1");
  return box;
}

/** Not of a cluster, whose processes share a folder. */
describe.each(shapes.filter((shape) => shape !== "cluster"))("blobs in an S3, %s", (shape) => {
  let deployment: Deployment;
  /** Of the gateway, which shares no folder with the others. */
  let apart: string;
  let env: Record<string, string>;
  let client: S3Client;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    if (!ceph()) return;
    const own = await ceph().bucket();
    client = own.client;
    env = {
      DOUYA_CLUSTER_SECRET: "a secret of this test, which is long enough",
      DOUYA_BLOBS: "s3",
      DOUYA_S3_ENDPOINT: own.endpoint,
      DOUYA_S3_BUCKET: own.bucket,
      DOUYA_S3_ACCESS_KEY: own.accessKey,
      DOUYA_S3_SECRET_KEY: own.secretKey,
    };
    apart = await mkdtemp(join(tmpdir(), "douya-gateway-"));
    deployment = await deploy(shape, { env });
    if (shape === "split") await restartGateway({ DOUYA_DATA: apart });
  });
  afterAll(async () => {
    await deployment?.remove();
    if (apart) await rm(apart, { recursive: true, force: true });
  });

  async function restartGateway(env: Record<string, string>) {
    await deployment.programOf("gateway").stop();
    await deployment.restart("gateway", env);
  }

  /** A command beside the running processes. */
  async function blobs(args: string[], more: Record<string, string>) {
    const own = { DOUYA_DATA: deployment.dataDir, DOUYA_DATABASE_URL: deployment.databaseUrl };
    const program = startProgram(["blobs", ...args], { ...env, ...own, ...more });
    const { code } = await program.ended;
    return { code, answer: program.answer() };
  }

  async function expectPlays(person: Person, uploadId: string): Promise<Video> {
    const asked = body(await person.post<Video>("/videos", { json: { uploadId, title: "Far away" } }), 201);
    const video = await person.settled(asked.id);
    expect(video).toMatchObject({ state: "published" });
    return video;
  }

  test("a file that comes in one body is published and played, in any range of it", async () => {
    const ada = await server.register();
    const video = await expectPlays(ada, body(await ada.upload(freshClip()), 201).id);
    const whole = await fetch(video.playUrl!);
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect([whole.status, bytes.length]).toEqual([200, video.sizeBytes]);
    const some = async (range: string, more: Record<string, string> = {}) => {
      const answer = await fetch(video.playUrl!, { headers: { range, ...more } });
      return { answer, bytes: Buffer.from(await answer.arrayBuffer()) };
    };
    const middle = await some("bytes=100-299");
    expect(middle.answer.status).toBe(206);
    expect(middle.answer.headers.get("content-range")).toBe(`bytes 100-299/${bytes.length}`);
    expect(middle.bytes.equals(bytes.subarray(100, 300))).toBe(true);
    expect((await some("bytes=-5")).bytes.equals(bytes.subarray(-5))).toBe(true);
    const beyond = await some(`bytes=${bytes.length}-`);
    expect(beyond.answer.status).toBe(416);
    expect(beyond.answer.headers.get("content-range")).toBe(`bytes */${bytes.length}`);
    const etag = whole.headers.get("etag")!;
    expect((await fetch(video.playUrl!, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await send("GET", video.coverUrl!)).headers.get("content-type")).toBe("image/jpeg");
    const folders = await readdir(join(deployment.dataDir, "blobs"));
    expect(folders).toEqual(["staging"]);
  });

  test("a file that comes in pieces is published and played", async () => {
    const ada = await server.register();
    const clip = freshClip();
    const headers = { authorization: `Bearer ${ada.session.accessToken}`, "tus-resumable": "1.0.0" };
    const begun = await fetch(`${server.origin}/api/v1/uploads/tus`, {
      method: "POST",
      headers: { ...headers, "upload-length": String(clip.length) },
    });
    expect(begun.status).toBe(201);
    const location = begun.headers.get("location")!;
    const half = Math.floor(clip.length / 2);
    for (const [from, to] of [
      [0, half],
      [half, clip.length],
    ] as const) {
      const type = { "content-type": "application/offset+octet-stream", "upload-offset": String(from) };
      const sent = await fetch(server.origin + location, {
        method: "PATCH",
        headers: { ...headers, ...type },
        body: clip.subarray(from, to) as Uint8Array<ArrayBuffer>,
      });
      expect([sent.status, sent.headers.get("upload-offset")]).toEqual([204, String(to)]);
    }
    await expectPlays(ada, location.split("/").at(-1)!);
  });

  describe("a file that its sender puts straight into the S3", () => {
    type Begun = { id: string; partBytes: number; parts: { number: number; url: string }[] };
    type Refused = { reason: string };

    const begin = async (person: Person, file: Buffer) =>
      body(
        await person.post<Begun>("/uploads/direct", {
          json: { sizeBytes: file.length, contentType: "video/mp4" },
        }),
        201,
      );
    async function put(begun: Begun, file: Buffer): Promise<string[]> {
      return Promise.all(
        begun.parts.map(async ({ number, url }) => {
          const bytes = file.subarray((number - 1) * begun.partBytes, number * begun.partBytes);
          const answer = await fetch(url, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer> });
          expect(answer.status).toBe(200);
          return answer.headers.get("etag")!;
        }),
      );
    }
    const complete = <T = Schemas["Upload"]>(person: Person, id: string, etags: string[]) =>
      person.post<T>(`/uploads/direct/${id}/complete`, { json: { etags } });
    /** What is in the bucket beside blobs, uploads in parts among it. */
    async function unfinished() {
      const found = [];
      for (const prefix of ["direct/", "staging/"])
        for await (const { key } of client.list(prefix)) found.push(key);
      for await (const { key } of client.unfinished()) found.push(key);
      return found;
    }

    test("is published and played; completing it again answers the same", async () => {
      const ada = await server.register();
      const clip = freshClip();
      const begun = await begin(ada, clip);
      const etags = await put(begun, clip);
      const upload = body(await complete(ada, begun.id, etags), 200);
      expect(upload).toMatchObject({ id: begun.id, kind: "video", sizeBytes: clip.length });
      expect(body(await complete(ada, begun.id, etags), 200)).toEqual(upload);
      await expectPlays(ada, begun.id);
      expect(body(await complete(ada, begun.id, etags), 200)).toEqual(upload);
      expect(await unfinished()).toEqual([]);
    });

    test("is taken over also when whoever completes it hangs up", async () => {
      const ada = await server.register();
      const clip = Buffer.concat([freshClip(), freeBox(20_000_000)]);
      const begun = await begin(ada, clip);
      const etags = await put(begun, clip);
      const gone = new AbortController();
      const asked = fetch(`${server.origin}/api/v1/uploads/direct/${begun.id}/complete`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${ada.session.accessToken}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({ etags }),
        signal: gone.signal,
      }).catch(() => {});
      const count = async (sql: string) => (await queryOnce(deployment.databaseUrl, sql)).length;
      await until("it is begun", () =>
        count(`select from video.resumable_upload where id = ${begun.id} and writer <> ''`),
      );
      gone.abort();
      await asked;
      await until("it is taken over", () => count(`select from video.upload where id = ${begun.id}`));
      await until("it has its place", async () => (await unfinished()).length === 0);
    });

    test("that is completed while its process is killed is not lost", async () => {
      const ada = await server.register();
      const clip = Buffer.concat([freshClip(), freeBox(20_000_000)]);
      const begun = await begin(ada, clip);
      const etags = await put(begun, clip);
      const asked = complete(ada, begun.id, etags).catch(() => {});
      await until("it is begun", () =>
        queryOnce(
          deployment.databaseUrl,
          `select from video.resumable_upload where id = ${begun.id} and writer <> ''`,
        ).then(({ length }) => length),
      );
      await deployment.programOf("video").kill();
      await asked;
      await deployment.restart("video");
      await until("it can be completed", async () => (await complete(ada, begun.id, etags)).status === 200);
      await expectPlays(ada, begun.id);
      await until("nothing else is left", async () => (await unfinished()).length === 0);
    });

    test("that is none is refused, and nothing of it stays", async () => {
      const ada = await server.register();
      const text = Buffer.alloc(5000, "not a video ");
      const begun = await begin(ada, text);
      const etags = await put(begun, text);
      const refused = await complete<Refused>(ada, begun.id, etags);
      expect([refused.status, refused.body.reason]).toEqual([422, "NOT_A_VIDEO"]);
      expect((await complete(ada, begun.id, etags)).status).toBe(404);
      expect(await unfinished()).toEqual([]);
    });

    test("is completed by its owner only, with the right etags, and is no upload in pieces", async () => {
      const [ada, eve] = [await server.register(), await server.register()];
      const clip = freshClip();
      const begun = await begin(ada, clip);
      const etags = await put(begun, clip);
      const reasonOf = async (person: Person, tags: string[]) =>
        (await complete<Refused>(person, begun.id, tags)).body.reason;
      expect(await reasonOf(eve, etags)).toBe("UPLOAD_NOT_FOUND");
      expect(await reasonOf(ada, ['"wrong"'])).toBe("UPLOAD_PARTS_WRONG");
      expect(await reasonOf(ada, [...etags, ...etags])).toBe("UPLOAD_PARTS_WRONG");
      const tus = await fetch(`${server.origin}/api/v1/uploads/tus/${begun.id}`, {
        method: "HEAD",
        headers: { authorization: `Bearer ${ada.session.accessToken}`, "tus-resumable": "1.0.0" },
      });
      expect(tus.status).toBe(404);
      expect((await eve.delete(`/uploads/direct/${begun.id}`)).status).toBe(404);
      expect((await complete(ada, begun.id, etags)).status).toBe(200);
      expect((await ada.delete(`/uploads/direct/${begun.id}`)).status).toBe(204);
      expect(await reasonOf(ada, etags)).toBe("UPLOAD_NOT_FOUND");
      await until("it is gone", async () => (await unfinished()).length === 0);
    });

    test("is refused before a byte when it is too large or announced as something else", async () => {
      const ada = await server.register();
      const reasonOf = async (json: object) =>
        (await ada.post<Refused>("/uploads/direct", { json })).body.reason;
      expect(await reasonOf({ sizeBytes: 1e15, contentType: "video/mp4" })).toBe("BODY_TOO_LARGE");
      expect(await reasonOf({ sizeBytes: 1000, contentType: "text/html" })).toBe("NOT_A_VIDEO");
      expect(await reasonOf({ sizeBytes: 0, contentType: "video/mp4" })).toBe("INVALID_ARGUMENT");
      expect(await unfinished()).toEqual([]);
    });

    test("and that is not completed within a day is gone, parts and all", async () => {
      const ada = await server.register();
      const clip = freshClip();
      const [sent, untouched] = [await begin(ada, clip), await begin(ada, clip)];
      const etags = await put(sent, clip);
      expect(await unfinished()).toHaveLength(2);
      await queryOnce(
        deployment.databaseUrl,
        `update video.resumable_upload set begun_at = now() - interval '25 hours'
         where id in (${sent.id}, ${untouched.id})`,
      );
      expect((await complete(ada, sent.id, etags)).status).toBe(404);
      // It sweeps when it starts.
      await deployment.programOf("video").kill();
      await deployment.restart("video");
      await until("they are gone", async () => (await unfinished()).length === 0);
    });
  });

  test("a deleted video is gone from the S3", async () => {
    const ada = await server.register();
    const video = await expectPlays(ada, body(await ada.upload(freshClip()), 201).id);
    expect((await ada.delete(`/videos/${video.id}`)).status).toBe(204);
    await until("the film is gone", async () => (await send("GET", video.playUrl!)).status === 404);
  });

  test("douya blobs verify names what is damaged and what is missing", async () => {
    const ada = await server.register();
    const video = await expectPlays(ada, body(await ada.upload(freshClip()), 201).id);
    const verify = () => blobs(["verify"], {});
    expect(await verify()).toMatchObject({ code: 0 });
    const keyIn = (url: string) => url.split("/media/")[1]!;
    await client.put(keyIn(video.playUrl!), Buffer.from("something else"));
    await client.remove(keyIn(video.coverUrl!));
    const { code, answer } = await verify();
    expect(code).toBe(1);
    expect(answer).toContain(`DAMAGED ${keyIn(video.playUrl!)} of `);
    expect(answer).toContain(`MISSING ${keyIn(video.coverUrl!)} of `);
    expect((await ada.delete(`/videos/${video.id}`)).status).toBe(204);
  });

  test("douya blobs usage tells how much there is, by kind and by person", async () => {
    const ada = await server.register();
    await expectPlays(ada, body(await ada.upload(freshClip()), 201).id);
    const { code, answer } = await blobs(["usage"], {});
    expect(code).toBe(0);
    expect(answer).toMatch(/^video +\d+ files +\d+ MB$/m);
    expect(answer).toMatch(new RegExp(`^${ada.id} +\\d+ files`, "m"));
  });

  // A gateway with a folder of its own cannot see what is on the disk of the others.
  // Declared only where it runs: in CI a skipped test counts as failed.
  if (shape === "all")
    test("all files are moved to the disk and back while people watch", async () => {
      const ada = await server.register();
      const video = await expectPlays(ada, body(await ada.upload(freshClip()), 201).id);
      const key = video.playUrl!.split("/media/")[1]!;
      let watching = true;
      const statuses = new Set<number>();
      const watch = async () => {
        while (watching) {
          const answer = await fetch(video.playUrl!);
          statuses.add(answer.status);
          expect((await answer.arrayBuffer()).byteLength).toBe(video.sizeBytes);
        }
      };
      const watched = watch();
      onTestFinished(() => {
        watching = false;
      });
      const move = async (to: "disk" | "s3") => await blobs(["move", `--to=${to}`], { DOUYA_BLOBS: to });
      expect(await blobs(["move", "--to=disk"], {})).toMatchObject({ code: 1 });

      expect(await move("disk")).toMatchObject({ code: 0 });
      expect(await client.sizeOf(key)).toBeUndefined();
      expect((await readdir(join(deployment.dataDir, "blobs"))).sort()).toContain("video");
      expect((await move("disk")).answer).toContain("0 files");

      expect(await move("s3")).toMatchObject({ code: 0 });
      expect(await client.sizeOf(key)).toBe(video.sizeBytes);
      const left = await readdir(join(deployment.dataDir, "blobs"), { recursive: true, withFileTypes: true });
      // A process that was killed may have left a copy that it worked on, which is swept later.
      const files = left.filter((entry) => entry.isFile() && !entry.name.endsWith(".copy"));
      expect(files).toEqual([]);
      watching = false;
      await watched;
      expect([...statuses]).toEqual([200]);
      expect(await blobs(["verify"], {})).toMatchObject({ code: 0 });

      // What cannot be read is told, and keeps nothing else from being moved.
      expect(await move("disk")).toMatchObject({ code: 0 });
      const coverKey = video.coverUrl!.split("/media/")[1]!;
      const onDisk = (name: string) => join(deployment.dataDir, "blobs", pathOf(name));
      for (const damaged of [coverKey, key]) await rename(onDisk(damaged), `${onDisk(damaged)}.good`);
      await mkdir(onDisk(coverKey));
      await writeFile(onDisk(key), "");
      const { code, answer } = await move("s3");
      expect(code).toBe(1);
      for (const damaged of [coverKey, key])
        expect(answer).toContain(`DAMAGED ${damaged} of `);
      expect(answer).toMatch(/files, \d+ MB, moved to .*; 2 are not: see above/);
      await rmdir(onDisk(coverKey));
      for (const damaged of [coverKey, key]) await rename(`${onDisk(damaged)}.good`, onDisk(damaged));
      expect(await move("s3")).toMatchObject({ code: 0 });
      expect(await blobs(["verify"], {})).toMatchObject({ code: 0 });
    });

  test("an S3 that is away is told with 503 and by /readyz, and nothing has to be started again", async () => {
    const ada = await server.register();
    const video = await expectPlays(ada, body(await ada.upload(freshClip()), 201).id);
    await ceph().gateway.kill();
    const refused = await send<{ reason: string }>("GET", video.playUrl!);
    expect([refused.status, refused.body.reason]).toEqual([503, "BLOBS_UNAVAILABLE"]);
    await until("/readyz says so", async () => {
      const { body: state } = await send<{ degraded?: Record<string, string> }>(
        "GET",
        `${server.origin}/readyz`,
      );
      return state.degraded?.blobs?.startsWith("BLOBS_UNAVAILABLE");
    });
    await ceph().gateway.restart();
    await until("it plays again", async () => (await send("GET", video.playUrl!)).status === 200);
  });

  test("others than our own pages are sent to the S3, where the operator wants that", async () => {
    const ada = await server.register();
    const video = await expectPlays(ada, body(await ada.upload(freshClip()), 201).id);
    const again: Record<string, string> = shape === "split" ? { DOUYA_DATA: apart } : {};
    await restartGateway({ ...again, DOUYA_S3_REDIRECT: "on" });
    const sent = await fetch(video.playUrl!, { redirect: "manual" });
    expect(sent.status).toBe(302);
    const film = await fetch(sent.headers.get("location")!);
    expect([film.status, film.headers.get("content-type")]).toEqual([200, "video/mp4"]);
    expect((await film.arrayBuffer()).byteLength).toBe(video.sizeBytes);
    const ours = await fetch(video.playUrl!, {
      redirect: "manual",
      headers: { "sec-fetch-site": "same-origin" },
    });
    expect(ours.status).toBe(200);
  });
});
