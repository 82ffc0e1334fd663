import { createHash } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { greyPixels } from "#platform/testing/grey-pixels.ts";
import { classicClient, videosOf } from "./harness/classic-client.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { claiming, exif, movingWebp, phoneJpeg, png, tellsThePlace, tiled } from "./harness/pictures.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { wholePage } from "./harness/whole-page.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];
type Picture = Video["pictures"][number];

describe.each(shapes)("posts of pictures, %s", (shape) => {
  const server = scenario(shape);
  const classic = classicClient(() => server.origin);
  let ada: Person;
  let ben: Person;
  beforeAll(async () => {
    [ada, ben] = await Promise.all([server.register(), server.register()]);
  });

  const blobs = () => listFiles(join(server.deployment.dataDir, "blobs"));
  async function query(sql: string): Promise<Record<string, string>[]> {
    const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }
  const upload = async (file: Buffer<ArrayBuffer>, person = ada) => {
    const made = await until("a turn", async () => {
      const answer = await person.upload(file);
      return answer.status !== 503 && answer;
    });
    return body(made, 201).id;
  };
  async function publish(files: Buffer<ArrayBuffer>[], more: object = {}, person = ada): Promise<Video> {
    const pictures: object[] = [];
    for (const [at, file] of files.entries())
      pictures.push({ uploadId: await upload(file, person), alt: `Number ${at + 1}` });
    const json = { pictures, title: "Some pictures", ...more };
    const post = body(await person.post<Video>("/videos", { json }), 201);
    return person.settled(post.id);
  }
  const load = async (url: string) => {
    const response = await fetch(url);
    return {
      status: response.status,
      headers: response.headers,
      bytes: Buffer.from(await response.arrayBuffer()),
    };
  };

  test("three sizes of each picture, upright, in their order, and nothing of where they were taken", async () => {
    const wide = png(3000, 2000, { exif: exif(6) });
    const post = await publish([
      phoneJpeg(8),
      wide,
      clip("half.webp"),
      clip("bright-left.avif"),
      tiled("dark.heic", 50),
    ]);
    expect(post).toMatchObject({
      state: "published",
      kind: "pictures",
      ...{ playUrl: null, hlsUrl: null, downloadUrl: null, durationMs: 0, width: 64, height: 96 },
      steps: [{ name: "processing", state: "done", done: 5, total: 5, progress: null, failure: null }],
    });
    expect(post.coverUrl).toBe(post.pictures[0]!.sizes.at(-1)!.url);
    expect(post.thumbHash).toBe(post.pictures[0]!.thumbHash);
    const shape = ({ alt, sizes }: Picture) => [
      alt,
      ...sizes.map(({ width, height }) => `${width}x${height}`),
    ];
    expect(post.pictures.map(shape)).toEqual([
      // None is enlarged.
      ["Number 1", "64x96"],
      ["Number 2", "480x720", "1080x1620", "2000x3000"],
      ["Number 3", "96x64"],
      ["Number 4", "96x64"],
      ["Number 5", "480x240", "640x320"],
    ]);
    for (const picture of post.pictures) expect(picture.thumbHash).toMatch(/^[A-Za-z0-9+/]{20,40}={0,2}$/);
    // Orientation 8 turns the bright left down, 6 up.
    const brightness = { "Number 1": ["dark", "bright"], "Number 2": ["bright", "dark"] };
    for (const { alt, sizes } of post.pictures)
      for (const { url, width, height } of sizes) {
        const { status, headers, bytes } = await load(url);
        expect(status).toBe(200);
        expect(headers.get("content-type")).toBe("image/jpeg");
        expect(markersOf(bytes).filter((marker) => marker >= 0xe1 || marker === 0xfe)).toEqual([]);
        for (const word of ["Exif", "GPS", "xmpmeta", tellsThePlace])
          expect(bytes.includes(word)).toBe(false);
        const shown = brightness[alt as keyof typeof brightness];
        if (shown) expect(halvesOf(bytes, width, height)).toEqual(shown);
      }
    // The sources are gone with all that was in them.
    await until("the sources are removed", async () =>
      (await blobs()).every((name) => !name.startsWith("source/")),
    );
    const rest = await query("select count(*) as n from video.video where pictures::text like '%source%'");
    expect(rest).toEqual([{ n: "0" }]);
  });

  test("a post is liked, kept, commented on and found like any video", async () => {
    const post = await publish([png(300, 400)]);
    const inFeed = async (person: Person, feed: string) => {
      const { items } = body(await person.get<Page<Video>>(`${feed}?limit=10`));
      return items.find(({ id }) => id === post.id);
    };
    body(await ben.put(`/users/${ada.id}/follow`), 204);
    expect((await ben.put(`/videos/${post.id}/like`)).status).toBe(204);
    expect((await ben.put(`/videos/${post.id}/bookmark`)).status).toBe(204);
    body(await ben.post(`/videos/${post.id}/comments`, { json: { text: "nice" } }), 201);
    const seen = await until("the following feed has it", () => inFeed(ben, "/feed/following"));
    for (const one of [seen, await inFeed(ben, "/feed"), body(await ben.get<Video>(`/videos/${post.id}`))])
      expect(one).toMatchObject({
        kind: "pictures",
        pictures: post.pictures,
        bookmarked: true,
        reaction: "like",
        counts: { likes: 1, comments: 1, bookmarks: 1 },
      });
    const first = body(await wholePage(`${server.origin}/video/${post.id}`));
    expect(first).toContain(`property="og:image" content="${post.coverUrl}"`);
    expect(first).not.toContain("og:video");
  });

  test("the classic API, whose videos are films, has none, and goes on to the films behind them", async () => {
    const film = await ada.settled((await ada.publish(freshClip())).id);
    // More than one of its pages.
    await publish([png(32, 32)]);
    await query(`
      insert into video.video (id, author_id, upload_id, title, state, source_key, cover_key, duration_ms, width, height,
        size_bytes, info, pictures, published_ms)
      select id + i, author_id, id + i, title, state, source_key, cover_key, 0, width, height, size_bytes, info, pictures,
        published_ms + i
      from video.video, generate_series(1, 40) i
      where id = (select max(id) from video.video where pictures <> '[]')`);
    await query(`update video.author_stats set works = works + 40 where author_id = ${ada.id}`);
    const token = ben.session.accessToken;
    for (const fields of [{} as Record<string, string>, { token }]) {
      const listed = videosOf(await classic.get("/feed", fields));
      expect(listed.map(({ key }) => key)).toContain(film.id);
      for (const video of listed) expect(video.play_url).toMatch(/\.mp4$/);
    }
    const own = videosOf(await classic.get("/publish/list", { token, user_id: ada.id }));
    expect(own.map(({ key }) => key)).toEqual([film.id]);
    await query(
      "delete from video.video v where not exists (select from video.blob_use where owner_id = v.id)",
    );
    await query(`update video.author_stats set works = works - 40 where author_id = ${ada.id}`);
  });

  test("files of a post that is not public are for those who may see it", async () => {
    const post = await publish([png(600, 800)], { visibility: "private" });
    const { url } = post.pictures[0]!.sizes[0]!;
    expect(url).toContain("signature=");
    expect((await load(url)).status).toBe(200);
    const plain = url.split("?")[0]!;
    expect((await load(plain)).status).toBe(404);
    expectProblem(await ben.get(`/videos/${post.id}`), 404, "VIDEO_NOT_FOUND");
    const change = (visibility: string) => ada.patch<Video>(`/videos/${post.id}`, { json: { visibility } });
    const open = body(await change("public"));
    expect(open.pictures[0]!.sizes[0]!.url).toBe(plain);
    for (const { url } of open.pictures[0]!.sizes) expect((await load(url)).status).toBe(200);
    body(await change("private"));
    for (const { url } of open.pictures[0]!.sizes) expect((await load(url)).status).toBe(404);
  });

  test("each picture has a link of its own, with the rules of links to posts", async () => {
    const post = await publish([png(600, 800), png(800, 600)]);
    type Share = { code: string; url: string };
    const share = async (query = "") => body(await ben.post<Share>(`/videos/${post.id}/shares${query}`), 201);
    const [second, whole] = [await share("?picture=2"), await share()];
    expect(second.code).toMatch(/^[0-9A-Za-z]{10}$/);
    expect(second.code).not.toBe(whole.code);
    expect(await share("?picture=2")).toEqual(second);
    // Once for each person and day, whatever of it.
    expect(body(await ben.get<Video>(`/videos/${post.id}`)).counts.shares).toBe(1);
    const leads = async ({ url }: Share) => {
      const { status, headers } = await send("GET", url, { headers: { accept: "text/html" } });
      return [status, headers.get("location")];
    };
    expect(await leads(second)).toEqual([302, `/video/${post.id}?picture=2`]);
    expect(await leads(whole)).toEqual([302, `/video/${post.id}`]);
    const looked = async ({ code }: Share) => body(await ben.get<Video>(`/shares/${code}`));
    expect(await looked(second)).toMatchObject({ id: post.id, sharedPicture: 2 });
    expect(await looked(whole)).not.toHaveProperty("sharedPicture");
    const preview = async (query: string) =>
      body(await wholePage(`${server.origin}/video/${post.id}${query}`));
    const shown = post.pictures[1]!.sizes[1] ?? post.pictures[1]!.sizes.at(-1)!;
    expect(await preview("?picture=2")).toContain(`property="og:image" content="${shown.url}"`);
    for (const query of ["", "?picture=9", "?picture=-1", "?picture=x"])
      expect(await preview(query)).toContain(`property="og:image" content="${post.coverUrl}"`);
    for (const picture of ["3", "0", "36", "x"])
      expectProblem(await ben.post(`/videos/${post.id}/shares?picture=${picture}`), 422, "INVALID_ARGUMENT");
    body(await ada.patch<Video>(`/videos/${post.id}`, { json: { visibility: "private" } }));
    expect(await leads(second)).toEqual([404, null]);
    expectProblem(await ben.get(`/shares/${second.code}`), 404, "VIDEO_NOT_FOUND");
    body(await ada.patch<Video>(`/videos/${post.id}`, { json: { visibility: "public" } }));
    body(await ada.delete(`/videos/${post.id}`), 204);
    expectProblem(await ben.get(`/shares/${second.code}`), 404, "VIDEO_NOT_FOUND");
  });

  test("its author puts pictures in another order, says otherwise what they show and removes some, which are gone at once", async () => {
    const dora = await server.register();
    // Of colours that no other post has, since content that is the same is one file.
    const files = [
      png(1200, 900, { left: [11, 80, 31] }),
      png(900, 1200, { left: [81, 10, 33] }),
      png(500, 500, { left: [12, 33, 90] }),
    ];
    const post = await publish(files, {}, dora);
    const [one, two, three] = post.pictures as [Picture, Picture, Picture];
    expect(post.pictures.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(post.editedAt).toBeNull();
    const edit = (pictures: object[], person = dora) =>
      person.patch<Video>(`/videos/${post.id}`, { json: { pictures } });
    const shared = async (number: number) =>
      body(await ben.post<{ code: string }>(`/videos/${post.id}/shares?picture=${number}`), 201).code;
    const [toFirst, toThird] = [await shared(1), await shared(3)];
    const statuses = async ({ sizes }: Picture) =>
      new Set(await Promise.all(sizes.map(async ({ url }) => (await load(url)).status)));
    for (const picture of post.pictures) expect(await statuses(picture)).toEqual(new Set([200]));

    const moved = body(await edit([{ number: 3 }, { number: 1, alt: "A wall" }, { number: 2 }]));
    const described = { ...one, alt: "A wall" };
    expect(moved).toMatchObject({
      pictures: [three, described, two],
      ...{ coverUrl: three.sizes.at(-1)!.url, thumbHash: three.thumbHash, width: 500, height: 500 },
    });
    expect(moved.editedAt).not.toBeNull();
    const asItIs = body(await edit([{ number: 3 }, { number: 1 }, { number: 2 }]));
    expect([asItIs.pictures, asItIs.editedAt]).toEqual([moved.pictures, moved.editedAt]);
    const leadsTo = async (code: string) => {
      const { headers } = await send("GET", `${server.origin}/s/${code}`, {
        headers: { accept: "text/html" },
      });
      const page = body(await wholePage(server.origin + headers.get("location")));
      const shown = /property="og:image" content="([^"]*)"/.exec(page)?.[1];
      const { sharedPicture } = body(await ben.get<Video>(`/shares/${code}`));
      return [headers.get("location"), shown, sharedPicture];
    };
    const coverOf = ({ sizes }: Picture) => (sizes[1] ?? sizes.at(-1)!).url;
    const page = `/video/${post.id}?picture=`;
    expect(await leadsTo(toFirst)).toEqual([`${page}1`, coverOf(one), 1]);
    expect(await leadsTo(toThird)).toEqual([`${page}3`, coverOf(three), 3]);

    const keptBefore = body(await dora.get<{ usedBytes: number }>("/me/storage")).usedBytes;
    const left = body(await edit([{ number: 2 }, { number: 3 }]));
    expect(left.pictures).toEqual([two, three]);
    expect(await statuses(one)).toEqual(new Set([404]));
    for (const picture of left.pictures) expect(await statuses(picture)).toEqual(new Set([200]));
    expect(left.sizeBytes).toBeLessThan(moved.sizeBytes);
    const { usedBytes } = body(await dora.get<{ usedBytes: number }>("/me/storage"));
    expect(keptBefore - usedBytes).toBe(files[0]!.length);
    // A link to what is gone leads to the post.
    expect(await leadsTo(toFirst)).toEqual([`${page}1`, left.coverUrl, undefined]);
    expect(await leadsTo(toThird)).toEqual([`${page}3`, coverOf(three), 3]);
    expectProblem(await ben.post(`/videos/${post.id}/shares?picture=1`), 422, "INVALID_ARGUMENT");
    const { items } = body(await ben.get<Page<Video>>("/feed?limit=10"));
    expect(items.find(({ id }) => id === post.id)?.pictures).toEqual([two, three]);
    const names = one.sizes.map(({ url }) => url.split("/").at(-1)!);
    await until("its files are removed", async () =>
      (await blobs()).every((file) => !names.some((name) => file.endsWith(name))),
    );

    expectProblem(await edit([{ number: 1 }]), 422, "INVALID_ARGUMENT");
    expectProblem(await edit([{ number: 2 }, { number: 2 }]), 422, "PICTURES_TOO_MANY");
    expectProblem(await edit([]), 422, "INVALID_ARGUMENT");
    expectProblem(await edit([{ number: 2, alt: "x".repeat(301) }]), 422, "ALT_INVALID");
    expectProblem(await edit([{ number: 2 }], ben), 403, "NOT_YOURS");
    const film = await dora.settled((await dora.publish(freshClip())).id);
    expectProblem(
      await dora.patch(`/videos/${film.id}`, { json: { pictures: [{ number: 1 }] } }),
      422,
      "INVALID_ARGUMENT",
    );
    expect(body(await ben.get<Video>(`/videos/${post.id}`)).pictures).toEqual([two, three]);
  });

  test("publishing again is the same post; what is no picture, not one's own or there twice is refused", async () => {
    const [one, two, film] = [
      await upload(png(40, 40)),
      await upload(png(50, 50)),
      body(await ada.upload(freshClip()), 201).id,
    ];
    const post = (ids: string[], more: object = {}, person = ada) =>
      person.post<Video>("/videos", {
        json: { pictures: ids.map((uploadId) => ({ uploadId })), title: "", ...more },
      });
    expectProblem(await post([one, film]), 422, "NOT_A_PICTURE");
    expectProblem(await post([one, "1234"]), 404, "UPLOAD_NOT_FOUND");
    expectProblem(await post([one], {}, ben), 404, "UPLOAD_NOT_FOUND");
    expectProblem(await post([one, one]), 422, "PICTURES_TOO_MANY");
    expectProblem(await post([]), 422, "INVALID_ARGUMENT");
    expectProblem(await post(Array.from({ length: 36 }, (_, i) => String(i + 1))), 422, "INVALID_ARGUMENT");
    expectProblem(await post([one], { uploadId: one }), 422, "INVALID_ARGUMENT");
    expectProblem(await ada.post("/videos", { json: { title: "" } }), 422, "INVALID_ARGUMENT");
    expectProblem(await ada.post("/videos", { json: { uploadId: one, title: "" } }), 422, "NOT_A_VIDEO");
    const long = { pictures: [{ uploadId: one, alt: "x".repeat(301) }], title: "" };
    expectProblem(await ada.post("/videos", { json: long }), 422, "ALT_INVALID");
    const [first, again] = [body(await post([one, two]), 201), body(await post([one, two]), 201)];
    expect(again.id).toBe(first.id);
    // A repetition with a changed mind: it is as it was published.
    const turned = body(await post([two, one]), 201);
    expect([turned.id, turned.pictures]).toEqual([first.id, first.pictures]);
    expect((await ada.settled(first.id)).pictures).toHaveLength(2);
    expectProblem(await post([two]), 404, "UPLOAD_NOT_FOUND");
    const asFilm = body(await ada.post<Video>("/videos", { json: { uploadId: film, title: "" } }), 201);
    expect((await ada.settled(asFilm.id)).kind).toBe("video");
  });

  test("a picture comes in pieces too, and is one that the server knows", async () => {
    const file = png(700, 500);
    const token = ada.session.accessToken;
    const tus = { "tus-resumable": "1.0.0", authorization: `Bearer ${token}` };
    const begun = await fetch(`${server.origin}/api/v1/uploads/tus`, {
      method: "POST",
      headers: { ...tus, "upload-length": String(file.length) },
    });
    const location = new URL(begun.headers.get("location")!, server.origin);
    for (const [from, to] of [
      [0, 1500],
      [1500, file.length],
    ] as const) {
      const headers = {
        ...tus,
        "content-type": "application/offset+octet-stream",
        "upload-offset": String(from),
      };
      const piece = await fetch(location, { method: "PATCH", headers, body: file.subarray(from, to) });
      expect(piece.status, await piece.text()).toBe(204);
    }
    const uploadId = location.pathname.split("/").at(-1)!;
    const sha256 = createHash("sha256").update(file).digest("hex");
    const asked = body(
      await ben.post<{ challenge: string; ranges: [number, number][] }>("/uploads/known", {
        json: { sha256, sizeBytes: file.length },
      }),
    );
    const hash = createHash("sha256").update(asked.challenge);
    for (const [from, to] of asked.ranges) hash.update(file.subarray(from, to));
    const json = { challenge: asked.challenge, proof: hash.digest("hex") };
    const known = body(await ben.post<Schemas["Upload"]>("/uploads/known/proof", { json }), 201);
    expect(known).toMatchObject({ kind: "picture", width: 700, height: 500, durationMs: 0 });
    const pictures = [{ uploadId, alt: "A wall" }];
    const post = body(await ada.post<Video>("/videos", { json: { pictures, title: "" } }), 201);
    expect((await ada.settled(post.id)).pictures).toMatchObject([{ alt: "A wall", width: 700, height: 500 }]);
  });

  test("what comes in pieces and is refused by its first bytes is gone with them", async () => {
    const tus = { "tus-resumable": "1.0.0", authorization: `Bearer ${ada.session.accessToken}` };
    const first = png(40, 40);
    for (const [piece, sizeBytes, reason] of [
      [clip("moving.gif"), clip("moving.gif").length, "PICTURE_UNSUPPORTED"],
      [first, 20 * 1024 * 1024 + 1, "BODY_TOO_LARGE"],
    ] as const) {
      const begun = await fetch(`${server.origin}/api/v1/uploads/tus`, {
        method: "POST",
        headers: { ...tus, "upload-length": String(sizeBytes) },
      });
      const location = new URL(begun.headers.get("location")!, server.origin);
      const headers = { ...tus, "content-type": "application/offset+octet-stream", "upload-offset": "0" };
      const body = Buffer.concat([piece, Buffer.alloc(Math.max(0, 2000 - piece.length))]).subarray(
        0,
        sizeBytes,
      );
      const refused = await fetch(location, { method: "PATCH", headers, body });
      expect(await refused.json()).toMatchObject({ reason });
      expect((await fetch(location, { method: "HEAD", headers: tus })).status).toBe(404);
    }
  });

  describe("bad pictures", () => {
    const long = (bytes: number) => Buffer.concat([png(40, 40), Buffer.alloc(bytes)]);
    const inHeader = (width: number, height: number) => {
      const file = png(16, 16);
      file.writeUInt32BE(width, 16);
      file.writeUInt32BE(height, 20);
      return file;
    };
    const branded = (brand: string) => {
      const file = clip("bright-left.avif");
      file.write(brand, 8, "latin1");
      return file;
    };
    const files: [string, () => Buffer<ArrayBuffer>, number, string][] = [
      ["of 10,000 x 1", () => png(10_000, 1), 422, "PICTURE_SHAPE"],
      ["of 4,000 x 100", () => png(4000, 100), 422, "PICTURE_SHAPE"],
      ["of one pixel", () => png(1, 1), 422, "PICTURE_SHAPE"],
      ["that say to have 10,000 million pixels", () => inHeader(100_000, 100_000), 413, "PICTURE_TOO_LARGE"],
      [
        "that say to have 49 million pixels, and have none",
        () => inHeader(7000, 7000),
        422,
        "PICTURE_DAMAGED",
      ],
      ["of 10,000 frames", () => movingWebp(10_000), 422, "PICTURE_UNSUPPORTED"],
      ["of 50 tiles that are none (HEIC)", () => tiled("dark.heic", 50, true), 422, "PICTURE_DAMAGED"],
      ["of 50 tiles that are none (AVIF)", () => tiled("bright-left.avif", 50, true), 422, "PICTURE_DAMAGED"],
      ["that say to be 60,000 x 60,000 (HEIC)", () => claiming(60_000, 60_000), 413, "PICTURE_TOO_LARGE"],
      ["that say to be 7,000 x 7,000 (HEIC)", () => claiming(7000, 7000), 422, "PICTURE_DAMAGED"],
      ["that move (AVIF)", () => branded("avis"), 422, "PICTURE_UNSUPPORTED"],
      ["that move (HEIC)", () => branded("hevc"), 422, "PICTURE_UNSUPPORTED"],
      ["a HEIC without its picture", () => clip("bright-left.heic").subarray(0, 350), 422, "PICTURE_DAMAGED"],
      ["a GIF, whatever its name", () => clip("moving.gif"), 422, "PICTURE_UNSUPPORTED"],
      ["of more than 20 MB", () => long(20 * 1024 * 1024), 413, "BODY_TOO_LARGE"],
      ["that are cut off", () => clip("bright-left.jpg").subarray(0, 100), 422, "PICTURE_DAMAGED"],
      [
        "a head and noise",
        () => Buffer.concat([png(40, 40).subarray(0, 60), Buffer.alloc(3000, 7)]),
        422,
        "PICTURE_DAMAGED",
      ],
      [
        "an AVIF without its picture",
        () => clip("bright-left.avif").subarray(0, 250),
        422,
        "PICTURE_DAMAGED",
      ],
    ];
    test.each(
      files,
    )("%s are refused by name, and nothing of them stays", async (_name, make, status, reason) => {
      const before = await blobs();
      const bytes = make();
      expectProblem(await ada.upload(bytes), status, reason);
      // Of unknown size.
      const chunked = await fetch(`${server.origin}/api/v1/uploads`, {
        method: "POST",
        headers: { authorization: `Bearer ${ada.session.accessToken}`, "content-type": "image/jpeg" },
        body: new Blob([bytes]).stream(),
        duplex: "half",
      } as RequestInit);
      expect(await chunked.json()).toMatchObject({ status, reason });
      const inPieces = await fetch(`${server.origin}/api/v1/uploads/tus`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${ada.session.accessToken}`,
          "tus-resumable": "1.0.0",
          "content-type": "application/offset+octet-stream",
          "upload-length": String(bytes.length),
        },
        body: bytes,
      });
      expect(await inPieces.json()).toMatchObject({ status, reason });
      await until("nothing stays", async () => (await blobs()).every((file) => before.includes(file)));
    });
  });

  test("files and rows agree when posts, accounts and uploads are gone", async () => {
    const cleo = await server.register();
    const same = png(900, 700);
    const [kept, deleted] = [
      await publish([same, png(400, 400)], {}, cleo),
      await publish([same, same], {}, cleo),
    ];
    expect(deleted.pictures[0]!.sizes).toEqual(deleted.pictures[1]!.sizes);
    const dora = await server.register();
    await publish([png(500, 600)], {}, dora);
    await upload(png(33, 33), dora);
    body(await cleo.delete(`/videos/${deleted.id}`), 204);
    // Under way.
    const going = body(
      await cleo.post<Video>("/videos", {
        json: { pictures: [{ uploadId: await upload(png(2500, 2500), cleo) }], title: "" },
      }),
      201,
    );
    body(await cleo.delete(`/videos/${going.id}`), 204);
    body(await dora.delete("/me", { json: { password: dora.password } }), 202);
    await until("what is on the disk is what somebody uses", async () => {
      const used = await query("select distinct key from video.blob_use order by 1");
      const videosOfDora = await query(`select 1 from video.video where author_id = ${dora.id}`);
      const files = (await blobs()).filter((name) => /^(post|source|video|cover)\//.test(name));
      return (
        videosOfDora.length === 0 &&
        files.map(keyOf).sort().join() ===
          used
            .map(({ key }) => key)
            .sort()
            .join()
      );
    });
    for (const { url } of kept.pictures.flatMap(({ sizes }) => sizes))
      expect((await load(url)).status).toBe(200);
    const { dataDir, databaseUrl } = server.deployment;
    const env = { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl };
    const doctor = startProgram(["doctor", "--recount"], env);
    await doctor.ended;
    expect(doctor.answer()).toMatch(/^ok +video +pictures of posts/m);
    expect(doctor.answer()).not.toMatch(/^DRIFT +video +(files|pictures)/m);
    const gone = new Set(kept.pictures.flatMap(({ sizes }) => sizes.map(({ url }) => url)));
    for (const { url } of deleted.pictures.flatMap(({ sizes }) => sizes))
      expect((await load(url)).status).toBe(gone.has(url) ? 200 : 404);
  });
});

/** The markers of a JPEG up to its scan. */
function markersOf(jpeg: Buffer): number[] {
  const markers: number[] = [];
  for (let at = 2; jpeg[at] === 0xff; at += 2 + jpeg.readUInt16BE(at + 2)) {
    markers.push(jpeg[at + 1]!);
    if (jpeg[at + 1] === 0xda) break;
  }
  expect(markers.at(-1)).toBe(0xda);
  return markers;
}

/** The upper and the lower half; checks the size on the way. */
function halvesOf(jpeg: Buffer, width: number, height: number): string[] {
  const pixels = greyPixels(jpeg);
  expect(pixels.length).toBe(width * height);
  const row = (at: number) => pixels[Math.round(height * at) * width + Math.round(width / 2)]!;
  return [row(0.25), row(0.75)].map((grey) => (grey > 128 ? "bright" : "dark"));
}

/** Blobs are in folders by their first characters. */
function keyOf(file: string): string {
  const [namespace] = file.split("/");
  return `${namespace}/${file.split("/").at(-1)}`;
}
