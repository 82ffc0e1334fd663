import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { type VideoService, Visibility } from "#contracts/gen/video_pb.ts";
import type { Job, JobKind } from "#platform/jobs/workers.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import type { Noted, RebuildStore } from "./rebuild-store.ts";
import { isLarge } from "./rules.ts";

const page = 100;

/**
 * Rebuilds the inboxes while the system serves, and continues after an interruption. Published videos that are not
 * recorded are added first. Then recorded videos that are no longer published are removed, which an event of the same
 * moment would also do. Then inboxes are emptied; they are filled when they are read.
 */
export function rebuildInboxes(options: {
  store: RebuildStore;
  video: Client<typeof VideoService, "findPublished" | "listPublished">;
  relation: Client<typeof RelationService, "getRelations">;
  wereLarge(authorIds: string[]): Promise<Set<string>>;
  pullFollowers: number;
}): JobKind {
  const { store, video, relation, wereLarge, pullFollowers } = options;

  /** The next of all that are in feeds. */
  async function published([beforeMs = "0", beforeId = ""]: string[]) {
    const { videos, more } = await video.listPublished(
      { beforeMs: Number(beforeMs), beforeId, limit: page, withFriends: true },
      systemCall(),
    );
    const last = more ? videos.at(-1) : undefined;
    return { videos, next: last && [String(last.publishedAtMs), last.id] };
  }

  async function largeAuthors(authorIds: string[]): Promise<Set<string>> {
    const [{ relations }, before] = await Promise.all([
      relation.getRelations({ userIds: authorIds }, systemCall()),
      wereLarge(authorIds),
    ]);
    const large = relations.filter(({ userId, followers }) =>
      isLarge(followers, before.has(userId), pullFollowers),
    );
    return new Set(large.map(({ userId }) => userId));
  }

  async function add(place: string[]): Promise<string[] | undefined> {
    const { videos, next } = await published(place);
    const large = await largeAuthors([...new Set(videos.map((one) => one.authorId))]);
    const noted = videos.map(({ id, authorId, publishedAtMs, visibility }) => ({
      videoId: id,
      authorId,
      publishedAtMs,
      friends: visibility === Visibility.FRIENDS,
      pushed: !large.has(authorId),
    }));
    await store.addVideos(noted, next);
    return next;
  }

  async function check(place: string[]): Promise<string[] | undefined> {
    const noted = await store.noted(place, page);
    const ids = noted.map((one) => one.videoId);
    const { videos } = ids.length > 0 ? await video.findPublished({ ids }, systemCall()) : { videos: [] };
    const right = new Map(
      videos.map((one) => [
        `${one.id} ${one.authorId} ${one.publishedAtMs}`,
        one.visibility === Visibility.FRIENDS,
      ]),
    );
    const forFriends = (one: Noted) => right.get(`${one.videoId} ${one.authorId} ${one.publishedAtMs}`);
    const isRight = (one: Noted) => forFriends(one) !== undefined;
    const last = noted.length === page ? noted.at(-1) : undefined;
    const next = last && [last.authorId, String(last.publishedAtMs), last.videoId];
    const pulled = noted.filter((one) => !one.pushed && isRight(one)).map((one) => one.authorId);
    await store.checked(
      noted.filter((one) => !isRight(one)),
      noted.filter(isRight).map((one) => ({ ...one, friends: forFriends(one) === true })),
      pulled,
      next,
      noted.length,
    );
    return next;
  }

  async function walk(job: Job, from: string[], step: (place: string[]) => Promise<string[] | undefined>) {
    for (let place: string[] | undefined = from; place; place = await step(place))
      job.signal.throwIfAborted();
  }

  return {
    maxAttempts: 20,
    timeoutMs: 24 * 3_600_000,
    async run(job) {
      const { step, place } = await store.begin();
      if (step === "add") await walk(job, place, add);
      if (step !== "empty") await walk(job, step === "check" ? place : [], check);
      await walk(job, step === "empty" ? place : [], async ([after = "0"]) => {
        const last = await store.emptyInboxes(after, job);
        return last === undefined ? undefined : [last];
      });
    },
  };
}
