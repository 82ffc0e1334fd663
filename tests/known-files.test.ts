import { createHash, randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { type Deployment, deploy, shapes } from "./harness/deployment.ts";
import { body, type Problem, type Schemas } from "./harness/http-client.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";

type Upload = Schemas["Upload"];
interface Challenge {
  challenge: string;
  ranges: [from: number, to: number][];
}

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

describe.each(shapes)("a known file, %s", (shape) => {
  let deployment: Deployment;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    deployment = await deploy(shape);
  });
  afterAll(() => deployment.remove());

  const ask = (person: Person, file: Uint8Array, sizeBytes = file.length) =>
    person.post<Challenge & Problem>("/uploads/known", { json: { sha256: sha256(file), sizeBytes } });
  const challengeFor = async (person: Person, file: Uint8Array): Promise<Challenge> =>
    body(await ask(person, file), 200);
  const proofOf = (file: Uint8Array, { challenge, ranges }: Challenge) =>
    sha256(Buffer.concat([Buffer.from(challenge), ...ranges.map(([from, to]) => file.subarray(from, to))]));
  const prove = (person: Person, challenge: string, proof: string) =>
    person.post<Upload & Problem>("/uploads/known/proof", { json: { challenge, proof } });
  const blobOf = (file: Uint8Array) => {
    const name = sha256(file);
    return join(deployment.dataDir, "blobs", "source", name.slice(0, 2), name.slice(2, 4), `${name}.bin`);
  };
  const unknown = [404, "UPLOAD_UNKNOWN"];
  const outcome = ({ status, body }: { status: number; body: Problem }) => [status, body.reason];

  /** A file that somebody has uploaded and not published, larger than what is asked of it. */
  async function uploaded(): Promise<{ ada: Person; file: Buffer }> {
    const ada = await server.register();
    const box = Buffer.alloc(300_000);
    randomBytes(box.length).copy(box);
    box.writeUInt32BE(box.length, 0);
    box.write("free", 4);
    const file = Buffer.concat([freshClip(), box]);
    body(await ada.upload(file), 201);
    return { ada, file };
  }

  test("who proves to have it publishes it without sending it, also when its first owner has gone", async () => {
    const { ada, file } = await uploaded();
    const ben = await server.register();
    const asked = await challengeFor(ben, file);
    const bytes = asked.ranges.reduce((sum, [from, to]) => sum + to - from, 0);
    expect(bytes).toBeLessThan(file.length / 2);
    expect(asked.ranges.every(([from, to]) => from >= 0 && from < to && to <= file.length)).toBe(true);
    const upload = body(await prove(ben, asked.challenge, proofOf(file, asked)), 201);
    expect(upload.sizeBytes).toBe(file.length);
    expect((await ada.delete("/me", { json: { password: ada.password } })).status).toBe(202);
    const json = { uploadId: upload.id, title: "the same" };
    const video = await ben.settled(body(await ben.post<Schemas["Video"]>("/videos", { json }), 201).id);
    expect(video.state).toBe("published");
  });

  test("every question asks for something else, and a small file is asked for whole", async () => {
    const { ada, file } = await uploaded();
    const [one, other] = [await challengeFor(ada, file), await challengeFor(ada, file)];
    expect(one.challenge).not.toBe(other.challenge);
    expect(one.ranges).not.toEqual(other.ranges);
    const small = freshClip();
    body(await ada.upload(small), 201);
    const whole = await challengeFor(ada, small);
    expect(whole.ranges).toEqual([[0, small.length]]);
    expect((await prove(ada, whole.challenge, proofOf(small, whole))).status).toBe(201);
  });

  test("a challenge counts once, right or wrong, also when it is answered many times at once", async () => {
    const { ada, file } = await uploaded();
    const asked = await challengeFor(ada, file);
    const proof = proofOf(file, asked);
    const answers = await Promise.all(Array.from({ length: 8 }, () => prove(ada, asked.challenge, proof)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(404)]);
    const tried = await challengeFor(ada, file);
    expect(outcome(await prove(ada, tried.challenge, sha256("a guess")))).toEqual(unknown);
    expect(outcome(await prove(ada, tried.challenge, proofOf(file, tried)))).toEqual(unknown);
  });

  test("another person's challenge, one's own hash, and a file that differs prove nothing", async () => {
    const { ada, file } = await uploaded();
    const ben = await server.register();
    const asked = await challengeFor(ada, file);
    expect(outcome(await prove(ben, asked.challenge, proofOf(file, asked)))).toEqual(unknown);
    // It was not taken from its owner by that.
    expect((await prove(ada, asked.challenge, proofOf(file, asked))).status).toBe(201);
    const known = await challengeFor(ben, file);
    expect(outcome(await prove(ben, known.challenge, sha256(file)))).toEqual(unknown);
    const other = await challengeFor(ben, file);
    const damaged = Buffer.from(file);
    damaged[other.ranges[0]![0]]! ^= 1;
    expect(outcome(await prove(ben, other.challenge, proofOf(damaged, other)))).toEqual(unknown);
    for (const madeUp of ["made-up", "\0"])
      expect(outcome(await prove(ben, madeUp, sha256(file)))).toEqual(unknown);
  });

  test("a file that never came, one of another size, and one that was refused are unknown", async () => {
    const { ada, file } = await uploaded();
    const never = freshClip();
    expect(outcome(await ask(ada, never))).toEqual(unknown);
    expect(outcome(await ask(ada, file, file.length + 1))).toEqual(unknown);
    expect(outcome(await ask(ada, file, file.length - 1))).toEqual(unknown);
    const refused = Buffer.concat([freshClip().subarray(0, 64), randomBytes(3000)]);
    expect((await ada.upload(refused)).status).toBe(422);
    expect(outcome(await ask(ada, refused))).toEqual(unknown);
  });

  test("what was deleted is unknown, also between the question and the proof", async () => {
    const { ada, file } = await uploaded();
    const before = await challengeFor(ada, file);
    await rm(blobOf(file));
    expect(outcome(await prove(ada, before.challenge, proofOf(file, before)))).toEqual(unknown);
    expect(outcome(await ask(ada, file))).toEqual(unknown);

    const ben = await server.register();
    const carl = await server.register();
    // It is converted, so its source stays as long as the video does.
    const source = freshClip("hevc-10bit-mono.mov");
    const video = await ben.publish(source);
    await ben.settled(video.id);
    const asked = await challengeFor(carl, source);
    expect((await ben.delete(`/videos/${video.id}`)).status).toBe(204);
    expect(outcome(await prove(carl, asked.challenge, proofOf(source, asked)))).toEqual(unknown);
    expect(outcome(await ask(carl, source))).toEqual(unknown);
  });

  test("of each person the newest challenges stay, however many they ask for", async () => {
    const { ada, file } = await uploaded();
    const ben = await server.register();
    const others = await challengeFor(ben, file);
    const first = await challengeFor(ada, file);
    for (let i = 0; i < 16; i++) await challengeFor(ada, file);
    const last = await challengeFor(ada, file);
    expect(outcome(await prove(ada, first.challenge, proofOf(file, first)))).toEqual(unknown);
    expect((await prove(ada, last.challenge, proofOf(file, last))).status).toBe(201);
    expect((await prove(ben, others.challenge, proofOf(file, others))).status).toBe(201);
  });

  test.each([
    ["no hash", { sizeBytes: 5 }, 422],
    ["upper case", { sha256: "A".repeat(64), sizeBytes: 5 }, 422],
    ["a path", { sha256: `../${"a".repeat(61)}`, sizeBytes: 5 }, 422],
    ["nothing", { sha256: "a".repeat(64), sizeBytes: 0 }, 422],
    ["half a byte", { sha256: "a".repeat(64), sizeBytes: 0.5 }, 422],
    ["more than numbers count", { sha256: "a".repeat(64), sizeBytes: 2 ** 60 }, 422],
    ["more than is taken", { sha256: "a".repeat(64), sizeBytes: 2 ** 45 }, 413],
  ])("%s is refused", async (_what, json, status) => {
    const ada = await server.register();
    expect((await ada.post("/uploads/known", { json })).status).toBe(status);
  });

  test("guests are refused, and a proof has the form of one", async () => {
    const json = { sha256: "a".repeat(64), sizeBytes: 5 };
    expect((await server.api("POST", "/uploads/known", { json })).status).toBe(401);
    const ada = await server.register();
    for (const proof of ["", "a", "g".repeat(64), "a".repeat(65)])
      expect((await prove(ada, "c", proof)).status).toBe(422);
    expect((await prove(ada, "c".repeat(101), "a".repeat(64))).status).toBe(422);
  });
});
