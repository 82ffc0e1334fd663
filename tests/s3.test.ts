import { mkdir, mkdtemp, readdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import type { S3Client } from "#platform/s3/s3-client.ts";
import { withS3 } from "#platform/testing/private-ceph.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { badFiles } from "./harness/bad-files.ts";
import { browsing, loggedIn, type Visitor } from "./harness/browser.ts";
import { freeBox, freshClip, largeClip } from "./harness/clips.ts";
import { type Deployment, deploy, shapes } from "./harness/deployment.ts";
import { holdTable } from "./harness/hold-locks.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { type Line, lineTo } from "./harness/line.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

const ceph = withS3();
const browser = browsing();

/** More than anybody needs here who does not try it. */
const quotaBytes = 60_000_000;

/** Of a blob, below the folder of blobs. */
function pathOf(key: string): string {
  const [namespace = "", name = ""] = key.split("/");
  return join(namespace, name.slice(0, 2), name.slice(2, 4), name);
}

/** Not of a cluster, whose processes share a folder. */
describe.each(shapes.filter((shape) => shape !== "cluster"))("blobs in an S3, %s", (shape) => {
  let deployment: Deployment;
  /** Of the gateway, which shares no folder with the others. */
  let apart: string;
  let env: Record<string, string>;
  let client: S3Client;
  /** From browsers and apps to the S3, which they know by its address alone. */
  let line: Line;
  let letIn: (origin: string) => Promise<void>;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    if (!ceph()) return;
    const own = await ceph().bucket();
    client = own.client;
    letIn = own.letIn;
    line = await lineTo(own.endpoint);
    env = {
      DOUYA_CLUSTER_SECRET: "a secret of this test, which is long enough",
      DOUYA_BLOBS: "s3",
      DOUYA_S3_ENDPOINT: own.endpoint,
      DOUYA_S3_PUBLIC_ENDPOINT: line.origin,
      DOUYA_S3_BUCKET: own.bucket,
      DOUYA_S3_ACCESS_KEY: own.accessKey,
      DOUYA_S3_SECRET_KEY: own.secretKey,
      DOUYA_QUOTA_BYTES: String(quotaBytes),
    };
    apart = await mkdtemp(join(tmpdir(), "douya-gateway-"));
    deployment = await deploy(shape, { env });
    if (shape === "split") await restartGateway({ DOUYA_DATA: apart });
  });
  afterAll(async () => {
    await deployment?.remove();
    line?.close();
    if (apart) await rm(apart, { recursive: true, force: true });
  });

  async function restartGateway(env: Record<string, string>) {
    await deployment.programOf("gateway").stop();
    await deployment.restart("gateway", env);
  }

  /** A command beside the running processes. */
  const blobs = (args: string[], more: Record<string, string>) => command(["blobs", ...args], more);
  async function command(args: string[], more: Record<string, string>) {
    const own = { DOUYA_DATA: deployment.dataDir, DOUYA_DATABASE_URL: deployment.databaseUrl };
    const program = startProgram(args, { ...env, ...own, ...more });
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

  /** Copies that the S3 may end after the processes that asked for them: they stay until they are swept. */
  const mayStay = new Set<string>();

  /** What is in the bucket beside blobs, uploads in parts among it. */
  async function unfinished() {
    const found = [];
    for (const prefix of ["direct/", "staging/"])
      for await (const { key } of client.list(prefix)) found.push(key);
    for await (const { key } of client.unfinished()) found.push(key);
    return found.filter((key) => !mayStay.has(key));
  }

  describe("a file that its sender puts straight into the S3", () => {
    type Begun = Schemas["DirectUpload"];
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

    test("can be gone on with by whoever asks how far it is, and completed without etags", async () => {
      const [ada, eve] = [await server.register(), await server.register()];
      const clip = largeClip(20_000_000);
      const begun = await begin(ada, clip);
      expect(begun.parts.map(({ sent }) => sent)).toEqual([false, false, false]);
      const some = await put({ ...begun, parts: [begun.parts[0]!, begun.parts[2]!] }, clip);
      expect(some).toHaveLength(2);
      const ask = async () => body(await ada.get<Begun>(`/uploads/direct/${begun.id}`), 200);
      const again = await ask();
      expect(again).toMatchObject({ id: begun.id, partBytes: begun.partBytes, expiresAt: begun.expiresAt });
      expect(again.parts.map(({ sent }) => sent)).toEqual([true, false, true]);
      expect((await eve.get(`/uploads/direct/${begun.id}`)).status).toBe(404);
      const completeIt = () => ada.post<Refused>(`/uploads/direct/${begun.id}/complete`, { json: {} });
      expect((await completeIt()).body.reason).toBe("UPLOAD_PARTS_WRONG");
      await put({ ...again, parts: [again.parts[1]!] }, clip);
      expect((await completeIt()).status).toBe(200);
      expect((await ask()).parts).toEqual([]);
      expect((await completeIt()).status).toBe(200);
      await expectPlays(ada, begun.id);
      expect(body(await ada.get<{ directUploads: boolean }>("/me/storage"), 200).directUploads).toBe(true);
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
      const isThere = async (what: string) =>
        (await queryOnce(deployment.databaseUrl, `select from video.${what}`)).length > 0;
      const isTaken = () => isThere(`upload where id = ${begun.id}`);
      await until(
        "it is begun, if not over",
        async () => (await isThere(`resumable_upload where id = ${begun.id} and writer <> ''`)) || isTaken(),
      );
      gone.abort();
      await asked;
      await until("it is taken over", isTaken);
      await until("it has its place", async () => (await unfinished()).length === 0);
    });

    test("that is completed while its process is killed is not lost", async () => {
      const ada = await server.register();
      const clip = Buffer.concat([freshClip(), freeBox(20_000_000)]);
      const begun = await begin(ada, clip);
      const etags = await put(begun, clip);
      // It does not end before it was seen.
      const release = await holdTable(deployment.databaseUrl, "video.upload");
      const asked = complete(ada, begun.id, etags).catch(() => {});
      const row = await until("it is begun", async () => {
        const begunOnes = `select partial from video.resumable_upload where id = ${begun.id} and writer <> ''`;
        return (await queryOnce<{ partial: string }>(deployment.databaseUrl, begunOnes))[0];
      });
      await deployment.programOf("video").kill();
      await release();
      mayStay.add(`staging/${row.partial}/000000`);
      await asked;
      await deployment.restart("video");
      await until("it can be completed", async () => (await complete(ada, begun.id, etags)).status === 200);
      await expectPlays(ada, begun.id);
      await until("nothing else is left", async () => (await unfinished()).length === 0);
    });

    test.each(
      badFiles(() => "http://127.0.0.1:9/clip.mp4").filter(([, make]) => make().length > 0),
    )("that is none, such as %s, is refused, and nothing of it stays", async (_name, make, status, reason) => {
      const ada = await server.register();
      const file = make();
      const begun = await begin(ada, file);
      const etags = await put(begun, file);
      const refused = await complete<Refused>(ada, begun.id, etags);
      expect([refused.status, refused.body.reason]).toEqual([status, reason]);
      expect((await complete(ada, begun.id, etags)).status).toBe(404);
      expect(await unfinished()).toEqual([]);
    });

    test("whose parts are of another length, missing or in another order is refused, and can be mended", async () => {
      const ada = await server.register();
      const clip = largeClip(9_000_000);
      const begun = await begin(ada, clip);
      const [first, last] = begun.parts;
      const putPart = (url: string, bytes: Uint8Array) =>
        fetch(url, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer> });
      // Their lengths are signed.
      for (const bytes of [clip.subarray(0, 1), clip.subarray(0, begun.partBytes + 1)])
        expect((await putPart(first!.url, bytes)).status).toBe(403);
      const [lastTag] = await put({ ...begun, parts: [last!] }, clip);
      const reasonOf = async (etags: string[]) => (await complete<Refused>(ada, begun.id, etags)).body.reason;
      expect(await reasonOf([lastTag!])).toBe("UPLOAD_PARTS_WRONG");
      const [firstTag] = await put({ ...begun, parts: [first!] }, clip);
      expect(await reasonOf([lastTag!, firstTag!])).toBe("UPLOAD_PARTS_WRONG");
      expect((await complete(ada, begun.id, [firstTag!, lastTag!])).status).toBe(200);
      await expectPlays(ada, begun.id);
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

    test("counts for its sender from its announcement until it is cancelled, also when many are announced at once", async () => {
      const ada = await server.register();
      const used = async () => body(await ada.get<{ usedBytes: number }>("/me/storage"), 200).usedBytes;
      const announce = () =>
        ada.post<Begun & Refused>("/uploads/direct", {
          json: { sizeBytes: quotaBytes / 2, contentType: "video/mp4" },
        });
      const answers = await Promise.all(Array.from({ length: 5 }, announce));
      const begun = answers.filter(({ status }) => status === 201);
      expect(begun).toHaveLength(2);
      for (const { status, body } of answers.filter((answer) => !begun.includes(answer)))
        expect([status, body.reason]).toEqual([413, "QUOTA_EXCEEDED"]);
      expect(await used()).toBe(quotaBytes);
      const clip = freshClip();
      const json = { sizeBytes: clip.length, contentType: "video/mp4" };
      expect((await ada.post<Refused>("/uploads/direct", { json })).body.reason).toBe("QUOTA_EXCEEDED");

      const [kept, cancelled] = begun.map(({ body }) => body.id);
      body(await ada.delete(`/uploads/direct/${cancelled}`), 204);
      const fits = await begin(ada, clip);
      body(await complete(ada, fits.id, await put(fits, clip)), 200);
      expect(await used()).toBe(quotaBytes / 2 + clip.length);
      expect([(await announce()).status, await used()]).toEqual([413, quotaBytes / 2 + clip.length]);
      body(await ada.delete(`/uploads/direct/${kept}`), 204);
      await expectPlays(ada, fits.id);
      expect(await used()).toBe(clip.length);
      await until("nothing is left beside blobs", async () => (await unfinished()).length === 0);
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

  // Declared only where they run: in CI a skipped test counts as failed.
  if (shape === "all")
    describe("a page that uploads", () => {
      /** Four parts, of which three are sent at once: when so much has gone, one of them has arrived. */
      const fileBytes = 30_000_000;
      const cutAfterBytes = 26_000_000;

      async function visit() {
        const ada = await server.register();
        const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, ada.session));
        visitor.expectOrigin(line.origin);
        visitor.expectComplaint(/net::ERR_/);
        // Nobody has sent this file before.
        visitor.expectStatus(404);
        const sent: string[] = [];
        visitor.page.on("request", (request) => {
          const { origin, pathname, searchParams } = new URL(request.url());
          if (request.method() === "PUT") sent.push(`part ${searchParams.get("partNumber")}`);
          if (origin === server.origin && /^\/api\/v1\/uploads(\/tus.*)?$/.test(pathname)) sent.push("to us");
        });
        return { ada, visitor, sent };
      }
      async function choose({ page }: Visitor, file: string) {
        await page.goto("/upload");
        await page.locator("input[type=file]").setInputFiles(file);
      }
      async function largeFile(): Promise<string> {
        const path = join(await mkdtemp(join(tmpdir(), "douya-clip-")), "phone.mp4");
        onTestFinished(() => rm(join(path, ".."), { recursive: true }));
        await writeFile(path, largeClip(fileBytes));
        return path;
      }
      async function publish({ page }: Visitor) {
        await page.getByLabel(en.titleLabel).fill("Straight there");
        await page.getByText(en.sent, { exact: true }).first().waitFor();
        await page.getByRole("button", { name: en.publish, exact: true }).click();
        await page.getByText(en.publishedTitle).waitFor();
      }
      /** How often the page has begun to send it. */
      const countOf = (sent: string[], part: number) => sent.filter((one) => one === `part ${part}`).length;

      test("puts its parts into the S3, says when the line is cut, and goes on with what has not arrived", async () => {
        await letIn(server.origin);
        const { visitor, sent } = await visit();
        const [before, others] = [line.sentBytes(), await unfinished()];
        line.cutAfter(cutAfterBytes);
        await choose(visitor, await largeFile());
        await visitor.page.getByText(en.waitingForLine).waitFor();
        line.mend();
        await publish(visitor);
        expect(sent).not.toContain("to us");
        expect(line.sentBytes() - before).toBeGreaterThan(fileBytes);
        expect([1, 2, 3].some((part) => countOf(sent, part) === 1)).toBe(true);
        expect([1, 2, 3, 4].some((part) => countOf(sent, part) === 2)).toBe(true);
        expect(await unfinished()).toEqual(others);
      });

      test("goes on with what has not arrived when it was loaded again and the same file is chosen", async () => {
        await letIn(server.origin);
        const { visitor, sent } = await visit();
        const file = await largeFile();
        line.cutAfter(cutAfterBytes);
        await choose(visitor, file);
        await visitor.page.getByText(en.waitingForLine).waitFor();
        const before = line.sentBytes();
        line.mend();
        sent.length = 0;
        await choose(visitor, file);
        await publish(visitor);
        expect(sent).not.toContain("to us");
        expect(line.sentBytes() - before).toBeLessThan(fileBytes);
        expect([1, 2, 3, 4].some((part) => countOf(sent, part) === 0)).toBe(true);
      });

      test("and is cancelled leaves nothing in the S3", async () => {
        await letIn(server.origin);
        const [{ visitor }, others] = [await visit(), await unfinished()];
        line.cutAfter(cutAfterBytes);
        onTestFinished(line.mend);
        await choose(visitor, await largeFile());
        await visitor.page.getByText(en.waitingForLine).waitFor();
        expect(await unfinished()).toHaveLength(others.length + 1);
        await visitor.page.getByRole("button", { name: en.cancelUpload }).click();
        await until("it is gone", async () => (await unfinished()).length === others.length);
      });

      test("but is not let into the S3 sends its file to us instead", async () => {
        await letIn("https://elsewhere.example.org");
        const [{ visitor, sent }, others] = [await visit(), await unfinished()];
        visitor.expectComplaint(/blocked by CORS policy/);
        await choose(visitor, await largeFile());
        await publish(visitor);
        expect(sent).toContain("to us");
        expect(await unfinished()).toEqual(others);
      });

      test("is what douya doctor looks at, and it says how to let it in", async () => {
        const ask = async () =>
          (await command(["doctor"], { DOUYA_PUBLIC_URL: "https://videos.example.org" })).answer;
        const secure = await ask();
        expect(secure).toContain("Set DOUYA_S3_PUBLIC_ENDPOINT to an https:// address");
        const port = new URL(server.origin).port;
        const asked = async () => (await command(["doctor"], { DOUYA_PORT: port })).answer;
        const ours = `http://localhost:${port}`;
        await letIn("https://elsewhere.example.org");
        expect(await asked()).toContain(`"AllowedOrigins":["${ours}"],"AllowedMethods":["PUT"]`);
        await letIn(ours);
        expect(await asked()).toContain(`pages of ${ours} put files straight into `);
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
          await delay(50);
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
      for (const damaged of [coverKey, key]) expect(answer).toContain(`DAMAGED ${damaged} of `);
      expect(answer).toMatch(/files, \d+ MB, moved to .*; 2 are not: see above/);
      await rmdir(onDisk(coverKey));
      for (const damaged of [coverKey, key]) await rename(`${onDisk(damaged)}.good`, onDisk(damaged));
      // Nor is a file given up for a copy that is not the same.
      await client.put(key, Buffer.from("0123456789"));
      const differing = await move("s3");
      expect(differing.code).toBe(1);
      expect(differing.answer).toContain(`DIFFERS ${key} of `);
      expect((await stat(onDisk(key))).size).toBe(video.sizeBytes);
      await client.remove(key);
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
