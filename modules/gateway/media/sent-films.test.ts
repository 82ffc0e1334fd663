import fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { rateLimit } from "#platform/protect/rate-limit.ts";
import { type SentFilms, sentFilms } from "./sent-films.ts";

const film = Buffer.alloc(100_000, 1);
const key = `video/${"ab".repeat(32)}.mp4`;
let app: FastifyInstance;
let films: SentFilms;
let origin: string;
let counted: { videoId: string; share: number; callerId: string | undefined }[] = [];

beforeAll(async () => {
  films = sentFilms(
    "a secret of more than thirty-two bytes",
    {
      async countSent({ videoId, share }, { callerId }) {
        counted.push({ videoId: videoId!, share: share!, callerId });
        return { $typeName: "douya.playback.v1.CountSentResponse" };
      },
    },
    { rateLimit: (_name, { burst }) => rateLimit({ burst: burst / 50, perMinute: 1, nowMs: () => 0 }) },
    () => {},
  );
  app = fastify();
  app.decorate("outage", () => undefined);
  app.get<{ Params: { mark: string }; Querystring: { from?: string } }>(
    "/film/:mark/*",
    async (request, reply) => {
      const start = Number(request.query.from ?? 0);
      films.count(request.params.mark, request, reply, { start, sizeBytes: film.length });
      return reply.send(film.subarray(start));
    },
  );
  origin = await app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => app?.close());
beforeEach(() => {
  counted = [];
});
const load = async (path: string, headers: Record<string, string> = {}) =>
  (await fetch(`${origin}/${path}`, { headers })).arrayBuffer();

test("it is counted how far a film was sent, for the viewer whose mark it has", async () => {
  await load(films.markedPath(key, "11", "22"));
  await load(`${films.markedPath(key, "11", undefined)}?from=50000`);
  await expect.poll(() => counted.length).toBe(2);
  expect(counted).toEqual([
    { videoId: "11", share: 1, callerId: "22" },
    { videoId: "11", share: 1, callerId: undefined },
  ]);
});

test("a mark that is none counts nothing, and somebody else's name is nobody's", async () => {
  for (const mark of ["x", "0", "11x", "..", "-1"]) await load(`film/${mark}/${key}`);
  await load(films.markedPath(key, "11", "22").replace(".22.", ".23."));
  await expect.poll(() => counted.length).toBe(1);
  expect(counted).toEqual([{ videoId: "11", share: 1, callerId: undefined }]);
});

test("of an address only so many are counted, of its guests fewer of a video, and all are sent", async () => {
  const loadOften = async (path: string) => {
    for (let i = 0; i < 20; i++)
      expect((await load(path, { "user-agent": String(i) })).byteLength).toBe(film.length);
  };
  await loadOften(films.markedPath(key, "12", undefined));
  await expect.poll(() => counted.length).toBe(6);
  await loadOften(films.markedPath(key, "12", "22"));
  // Three were counted before.
  await expect.poll(() => counted.length).toBe(9);
});
