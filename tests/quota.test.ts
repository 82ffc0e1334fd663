import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { classicClient, refused } from "./harness/classic-client.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Refused = { reason: string; detail: string };

const quotaBytes = 600_000;

describe("a quota for each person", () => {
  const server = scenario("all", { env: { DOUYA_QUOTA_BYTES: String(quotaBytes) } });
  const storage = async (person: Person) =>
    body(await person.get<{ usedBytes: number; quotaBytes: number }>("/me/storage"), 200);

  /** A clip with a box of this many bytes that players skip. */
  function padded(bytes: number): Buffer<ArrayBuffer> {
    const box = Buffer.alloc(bytes);
    box.writeUInt32BE(bytes, 0);
    box.write("free", 4, "latin1");
    return Buffer.concat([freshClip(), box]);
  }

  async function tus(person: Person, file: Buffer) {
    return fetch(`${server.origin}/api/v1/uploads/tus`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${person.session.accessToken}`,
        "tus-resumable": "1.0.0",
        "upload-length": String(file.length),
      },
    });
  }

  async function recount() {
    const { dataDir, databaseUrl } = server.deployment;
    const program = startProgram(["doctor", "--recount"], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: databaseUrl,
    });
    const { code } = await program.ended;
    return { code, answer: program.answer() };
  }

  test("counts what came, by whichever way, until it is deleted", async () => {
    const ada = await server.register();
    expect(await storage(ada)).toEqual({ usedBytes: 0, quotaBytes, directUploads: false });
    const film = freshClip();
    const upload = body(await ada.upload(film), 201);
    expect((await storage(ada)).usedBytes).toBe(film.length);
    const asked = body(
      await ada.post<Schemas["Video"]>("/videos", { json: { uploadId: upload.id, title: "kept" } }),
      201,
    );
    await ada.settled(asked.id);
    expect((await storage(ada)).usedBytes).toBe(film.length);

    const picture = clip("half.png");
    const shot = body(await ada.upload(picture), 201);
    const post = body(
      await ada.post<Schemas["Video"]>("/videos", {
        json: { pictures: [{ uploadId: shot.id }], title: "a picture" },
      }),
      201,
    );
    await ada.settled(post.id);
    expect((await storage(ada)).usedBytes).toBe(film.length + picture.length);

    const announced = await tus(ada, film);
    expect(announced.status).toBe(201);
    expect((await storage(ada)).usedBytes).toBe(2 * film.length + picture.length);
    await fetch(server.origin + announced.headers.get("location")!, {
      method: "DELETE",
      headers: { authorization: `Bearer ${ada.session.accessToken}`, "tus-resumable": "1.0.0" },
    });
    expect(await recount()).toMatchObject({ code: 0 });

    await queryOnce(
      server.deployment.databaseUrl,
      `update video.author_stats set kept_bytes = kept_bytes + 1 where author_id = ${ada.id}`,
    );
    const drifted = await recount();
    expect(drifted.code).toBe(1);
    expect(drifted.answer).toContain("DRIFT video");
    expect(drifted.answer).toContain("bytes that people keep");
    await queryOnce(
      server.deployment.databaseUrl,
      `update video.author_stats set kept_bytes = kept_bytes - 1 where author_id = ${ada.id}`,
    );

    for (const { id } of [asked, post]) expect((await ada.delete(`/videos/${id}`)).status).toBe(204);
    await until("nothing is kept", async () => (await storage(ada)).usedBytes === 0);
    expect(await recount()).toMatchObject({ code: 0 });
  });

  test("is asked before a byte comes, with the same refusal for every way", async () => {
    const ada = await server.register();
    const film = padded(500_000);
    body(await ada.upload(film), 201);
    const used = film.length;
    const another = padded(200_000);
    const single = await ada.post<Refused>("/uploads", { bytes: another });
    expect([single.status, single.body.reason]).toEqual([413, "QUOTA_EXCEEDED"]);
    expect(single.body.detail).toContain("1 MB");
    const pieces = await tus(ada, another);
    expect([pieces.status, ((await pieces.json()) as Refused).reason]).toEqual([413, "QUOTA_EXCEEDED"]);
    // What is already here.
    const sha256 = createHash("sha256").update(film).digest("hex");
    const asked = body(
      await ada.post<{ challenge: string; ranges: [number, number][] }>("/uploads/known", {
        json: { sha256, sizeBytes: film.length },
      }),
      200,
    );
    const proof = createHash("sha256").update(asked.challenge);
    for (const [from, to] of asked.ranges) proof.update(film.subarray(from, to));
    const known = await ada.post<Refused>("/uploads/known/proof", {
      json: { challenge: asked.challenge, proof: proof.digest("hex") },
    });
    expect([known.status, known.body.reason]).toEqual([413, "QUOTA_EXCEEDED"]);
    const picture = Buffer.concat([clip("half.png"), Buffer.alloc(200_000)]);
    const shot = await ada.post<Refused>("/uploads", { bytes: picture });
    expect([shot.status, shot.body.reason]).toEqual([413, "QUOTA_EXCEEDED"]);
    // Of the classic API, with the token before and after the file.
    const classicApi = classicClient(() => server.origin);
    const token = ["token", ada.session.accessToken] as [string, string];
    const data = ["data", new Blob([another], { type: "video/mp4" })] as [string, Blob];
    const title = ["title", "too much"] as [string, string];
    for (const form of [
      [token, title, data],
      [data, token, title],
    ])
      refused(await classicApi.publish(form), 10218);
    expect((await storage(ada)).usedBytes).toBe(used);
    // Others have room of their own.
    const eve = await server.register();
    body(await eve.upload(another), 201);
  });

  test("holds when many files come at once", async () => {
    const ada = await server.register();
    const films = Array.from({ length: 6 }, () => padded(150_000));
    const answers = await Promise.all(films.map((film) => ada.post<Refused>("/uploads", { bytes: film })));
    const taken = answers.filter(({ status }) => status === 201).length;
    const fitting = Math.floor(quotaBytes / films[0]!.length);
    expect(taken).toBe(fitting);
    for (const { status, body } of answers) if (status !== 201) expect(body.reason).toBe("QUOTA_EXCEEDED");
    expect((await storage(ada)).usedBytes).toBeLessThanOrEqual(quotaBytes);
    expect(await recount()).toMatchObject({ code: 0 });
  });
});
