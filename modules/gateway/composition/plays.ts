import type { Resume } from "#contracts/gen/playback_pb.ts";
import type { Caches } from "#platform/cache/caches.ts";
import { coalesce, coalesceById } from "#platform/rpc/coalesce.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import type { OptionalPart } from "./optional-part.ts";

/** What changes with every second somebody watches, so that no kept page waits for it. */
export interface Plays {
  viewsOf(ids: string[], call: () => PublicCall): Promise<Views>;
  /** Where a person stopped watching these videos; the same map as long as it is remembered. */
  resumesOf(
    userId: string,
    ids: string[],
    call: () => PublicCall,
  ): Promise<ReadonlyMap<string, Resume | undefined>>;
  /** The person has just watched something, or removed it. */
  forget(userId: string): void;
}

interface Views {
  /** By video; seconds old, of more videos than were asked about. Those that cannot be told have none. */
  counts: ReadonlyMap<string, number>;
  /** As long as they are not asked about again; on the clock of `performance.now`. */
  untilMs: number;
}

/**
 * With what counting takes, a number is 5 s old at most. All of them end together, so that a page made of some holds as long
 * as these.
 */
const viewsMs = 2_000;
const resumesMs = 3_000;
const maxVideos = 50_000;
const maxPeople = 10_000;

interface KnownResumes {
  value: Map<string, Resume | undefined>;
  /** On the clock of `performance.now`. */
  untilMs: number;
}

export function createPlays(
  { playback }: Pick<GatewayClients, "playback">,
  caches: Pick<Caches, "local">,
  optional: OptionalPart,
): Plays {
  let known = { counts: new Map<string, number>(), untilMs: 0 };
  const resumes = caches.local<KnownResumes>("where people stopped watching", { max: maxPeople });
  const askViews = coalesceById(
    async (videoIds: string[], call) => {
      const found = await playback.getViews({ videoIds }, call);
      return videoIds.map((id, i) => ({ id, views: found.views[i] ?? 0 }));
    },
    ({ id }) => id,
  );
  const askResumes = coalesce(
    async (people: { userId: string; videoIds: string[] }[], call) =>
      (await playback.getResumes({ people }, call)).people,
  );

  return {
    async viewsOf(ids, callOf) {
      const nowMs = performance.now();
      if (nowMs >= known.untilMs || known.counts.size > maxVideos)
        known = { counts: new Map(), untilMs: nowMs + viewsMs };
      const views = known;
      const missing = ids.filter((id) => !views.counts.has(id));
      if (missing.length === 0) return views;
      const call = callOf();
      const asked = await optional(call, "views", () => askViews(missing, call));
      for (const id of missing) {
        const answer = asked?.get(id);
        if (answer !== undefined) views.counts.set(id, answer.views);
      }
      return views;
    },
    async resumesOf(userId, ids, callOf) {
      const before = resumes.get(userId);
      const known = before && performance.now() < before.untilMs ? before : undefined;
      if (known && ids.every((id) => known.value.has(id))) return known.value;
      const call = callOf();
      // What is added does not become fresher.
      const untilMs = known?.untilMs ?? performance.now() + resumesMs;
      const asked = await optional(call, "views", () => askResumes({ userId, videoIds: ids }, call));
      if (!asked) return new Map();
      const value = new Map<string, Resume | undefined>(known?.value ?? []);
      for (const id of ids) value.set(id, undefined);
      for (const resume of asked.resumes) value.set(resume.videoId, resume);
      resumes.set(userId, { value, untilMs });
      return value;
    },
    forget: (userId) => resumes.delete(userId),
  };
}
