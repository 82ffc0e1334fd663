import type { Resume } from "#contracts/gen/playback_pb.ts";
import type { Caches } from "#platform/cache/caches.ts";
import { coalesce, coalesceById } from "#platform/rpc/coalesce.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import type { OptionalPart } from "./optional-part.ts";

/** What changes with every second somebody watches, so that no kept page waits for it. */
export interface Plays {
  /** By video; seconds old. Those that cannot be told have none. */
  viewsOf(ids: string[], call: () => PublicCall): Promise<ReadonlyMap<string, number>>;
  /** Where a person stopped watching these videos. */
  resumesOf(
    userId: string,
    ids: string[],
    call: () => PublicCall,
  ): Promise<ReadonlyMap<string, Resume | undefined>>;
  /** The person has just watched something, or removed it. */
  forget(userId: string): void;
}

/** With what counting takes, a number is 5 s old at most. */
const viewsMs = 2_000;
const resumesMs = 3_000;
const maxVideos = 50_000;
const maxPeople = 10_000;

interface Known<Value> {
  value: Value;
  /** On the clock of `performance.now`. */
  untilMs: number;
}

export function createPlays(
  { playback }: Pick<GatewayClients, "playback">,
  caches: Pick<Caches, "local">,
  optional: OptionalPart,
): Plays {
  const views = caches.local<Known<number>>("views", { max: maxVideos });
  const resumes = caches.local<Known<Map<string, Resume | undefined>>>("where people stopped watching", {
    max: maxPeople,
  });
  const fresh = <Value>(known: Known<Value> | undefined) =>
    known && performance.now() < known.untilMs ? known : undefined;
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
      const found = new Map<string, number>();
      const missing: string[] = [];
      for (const id of ids) {
        const known = fresh(views.get(id));
        if (known === undefined) missing.push(id);
        else found.set(id, known.value);
      }
      if (missing.length === 0) return found;
      const call = callOf();
      const asked = await optional(call, "views", () => askViews(missing, call));
      const untilMs = performance.now() + viewsMs;
      for (const id of missing) {
        const answer = asked?.get(id);
        if (answer === undefined) continue;
        views.set(id, { value: answer.views, untilMs });
        found.set(id, answer.views);
      }
      return found;
    },
    async resumesOf(userId, ids, callOf) {
      const known = fresh(resumes.get(userId));
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
