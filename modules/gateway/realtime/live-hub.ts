import { areBlocked } from "#contracts/friends.ts";
import type { Comment } from "#contracts/gen/interaction_pb.ts";
import type { Validity } from "#platform/cache/validity.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Logger } from "#platform/observe/log.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import { toApiCounts } from "../api/present.ts";
import type { Composer } from "../composition/composer.ts";
import type { PublicParts } from "../composition/public-parts.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { groupBy, portions } from "./batches.ts";
import { createLiveComments, pairsInQuestion } from "./live-comments.ts";
import type { AddNews, LiveWatcher, OneNews } from "./live-watcher.ts";
import { createLiveWork, ownAtOnce } from "./live-work.ts";

export interface LiveHub {
  /** Tells the counts of these videos now, and whenever they change; with `comments`, new ones too. */
  watch(watcher: LiveWatcher, videoIds: readonly string[], comments: boolean): void;
  /** Tells how far the work on these videos of the watcher's own is. */
  watchWork(watcher: LiveWatcher, videoIds: readonly string[]): void;
  unwatch(watcher: LiveWatcher, videoIds: readonly string[], comments: boolean): void;
  unwatchWork(watcher: LiveWatcher, videoIds: readonly string[]): void;
  leave(watcher: LiveWatcher): void;
  stop(): void;
}

/** Nobody is told more often. */
const turnMs = 1_000;
const callMs = 5_000;
const videosInQuestion = 500;
/** Who has just begun to watch may have missed a comment between their page and this. */
const justNowMs = 30_000;
/** An epoch before all others. */
const unread = -1;

interface Watch {
  watcher: LiveWatcher;
  videoId: string;
  comments: boolean;
  /** Undefined until it is known. */
  may: boolean | undefined;
  /** As of when. */
  epoch: number;
  /** The version that it was told; 0: none. */
  told: number;
}

/** A video in somebody's view. */
interface Live {
  watches: Set<Watch>;
  /** As of when the rest is known. */
  epoch: number;
  /** One more with each change. */
  version: number;
  /** Whether it is for everybody. */
  open: boolean;
  authorId: string | undefined;
  counts: string;
  /** The latest comments, each with the version in which it came. */
  latest: ReadonlyMap<string, { comment: Comment; version: number }>;
}

/**
 * Tells connections what changes of the videos in view. The log of changes that validates kept pages (docs/adr/0011)
 * says which videos to read again, once a second and in one question for all of them.
 */
export function createLiveHub(
  { video, relation, interaction }: Pick<GatewayClients, "video" | "relation" | "interaction">,
  parts: Pick<PublicParts, "videos" | "videoStats">,
  composer: Pick<Composer, "people">,
  validity: Validity,
  switchedOff: () => ReadonlySet<string>,
  log: Logger,
): LiveHub {
  const lives = new Map<string, Live>();
  const watchesOf = new Map<LiveWatcher, Map<string, Watch>>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const ownCall = (more: Partial<PublicCall> = {}): PublicCall => ({
    traceId: newTraceId(),
    deadlineMs: Date.now() + callMs,
    missing: new Set(),
    without: ["likes", "works"],
    switchedOff: new Set(),
    ...more,
  });
  const callAs = ({ userId, moderator }: LiveWatcher, more: Partial<PublicCall> = {}) =>
    ownCall({ callerId: userId, moderator, ...more });

  const work = createLiveWork(video, callAs);
  const present = createLiveComments(relation, composer, ownCall);

  /** Reads what may have changed. */
  async function read(now: number): Promise<void> {
    const due = [...lives].flatMap(([id, { epoch }]) => (validity.isUnchanged(id, epoch) ? [] : [id]));
    for (const ids of portions(due, videosInQuestion)) {
      const withComments = switchedOff().has("comments")
        ? []
        : ids.filter((id) => [...(lives.get(id)?.watches ?? [])].some(({ comments }) => comments));
      const call = ownCall({ asOf: now });
      const [found, stats, { comments }] = await Promise.all([
        parts.videos(ids, call),
        parts.videoStats(ids, call),
        withComments.length > 0
          ? interaction.getLatestComments({ videoIds: withComments }, call)
          : { comments: [] },
      ]);
      const latest = groupBy(comments, ({ videoId }) => videoId);
      for (const id of ids) {
        const live = lives.get(id);
        if (!live) continue;
        const seen = found.get(id);
        // Who may see what is not for everybody is to be asked again.
        if (!seen || !live.open) for (const watch of live.watches) watch.may = undefined;
        live.open = seen !== undefined;
        live.authorId = seen?.authorId ?? live.authorId;
        live.epoch = now;
        const counts = JSON.stringify(toApiCounts(stats.get(id)));
        const own = latest.get(id) ?? [];
        const version = live.version + 1;
        const known = live.latest;
        // One that was taken down, or restored, comes again.
        const sameAs = ({ id, takenDown }: Comment) => {
          const before = known.get(id);
          return before?.comment.takenDown === takenDown ? before : undefined;
        };
        live.latest = new Map(own.map((one) => [one.id, sameAs(one) ?? { comment: one, version }]));
        if (counts === live.counts && own.every(sameAs)) continue;
        live.counts = counts;
        live.version = version;
      }
    }
  }

  /** Asks who may see what they watch: at first, and since something has changed. */
  async function judge(now: number): Promise<void> {
    const asked: Watch[] = [];
    for (const own of watchesOf.values())
      for (const watch of own.values()) {
        const { watcher, videoId, may, epoch } = watch;
        const authorId = lives.get(videoId)?.authorId;
        const isSure =
          may !== undefined &&
          (validity.isUnchanged(watcher.userId, epoch) ||
            (authorId !== undefined && validity.isUnchanged(authorId, epoch)));
        if (isSure) continue;
        watch.may = undefined;
        asked.push(watch);
      }
    const isOpen = ({ videoId }: Watch) => lives.get(videoId)?.open === true;
    const visible = asked.filter(isOpen);
    const closed = groupBy(
      asked.filter((watch) => !isOpen(watch)),
      ({ watcher }) => watcher,
    );
    const settle = (watch: Watch, may: boolean) => {
      watch.may = may;
      watch.epoch = now;
    };
    for (const some of portions([...closed], ownAtOnce))
      await Promise.all(
        some.map(async ([watcher, own]) => {
          const { videos } = await video.getVideos(
            { ids: own.map(({ videoId }) => videoId) },
            callAs(watcher),
          );
          const authors = new Map(videos.map(({ id, authorId }) => [id, authorId]));
          for (const watch of own) {
            const live = lives.get(watch.videoId);
            const authorId = authors.get(watch.videoId);
            if (live && authorId !== undefined) {
              live.authorId = authorId;
              visible.push(watch);
            } else settle(watch, false);
          }
        }),
      );
    for (const some of portions(visible, pairsInQuestion)) {
      const { standings } = await relation.getStandings(
        {
          people: some.map(({ watcher, videoId }) => ({
            userId: watcher.userId,
            otherIds: [lives.get(videoId)?.authorId ?? "0"],
          })),
          oneWay: true,
        },
        ownCall(),
      );
      some.forEach((watch, i) => {
        settle(watch, watch.watcher.moderator || !areBlocked(standings[i]?.[0] ?? 0));
      });
    }
  }

  const isDue = ({ videoId, may, told }: Watch) => {
    const live = lives.get(videoId);
    if (!live || live.epoch === unread || may === undefined) return false;
    return may ? told !== live.version : told > 0;
  };
  /** Comments that a watch was not told of, the newest first. */
  function freshFor({ videoId, may, comments, told }: Watch): Comment[] {
    if (!may || !comments) return [];
    const justNow = Date.now() - justNowMs;
    return [...lives.get(videoId)!.latest.values()].flatMap(({ comment, version }) =>
      (told > 0 ? version > told : comment.createdAtMs > justNow) ? comment : [],
    );
  }
  /** What a watch is to be told; undefined: nothing. */
  function newsOf({ videoId, may }: Watch, comments: readonly object[]): string | undefined {
    if (!may) return JSON.stringify({ videoId, gone: true });
    const counts = switchedOff().has("reactions") ? "" : `,"counts":${lives.get(videoId)!.counts}`;
    const added = comments.length > 0 ? `,"comments":${JSON.stringify(comments)}` : "";
    return counts || added ? `{"videoId":"${videoId}"${counts}${added}}` : undefined;
  }

  async function tellVideos(add: AddNews): Promise<void> {
    const due: Watch[] = [];
    for (const own of watchesOf.values())
      for (const watch of own.values()) if (isDue(watch) && watch.watcher.hasRoom()) due.push(watch);
    const tell = (watch: Watch, comments: readonly object[] = []) => {
      const { watcher, videoId } = watch;
      const text = newsOf(watch, comments);
      watch.told = watch.may ? lives.get(videoId)!.version : 0;
      const isWanted = () => watchesOf.get(watcher)?.get(videoId) === watch;
      if (text !== undefined) add(watcher, { text, isWanted });
    };
    const withComments = due.flatMap((watch) => {
      const comments = freshFor(watch);
      if (comments.length > 0) return { watch, watcher: watch.watcher, comments, told: watch.told };
      tell(watch);
      return [];
    });
    if (withComments.length === 0) return;
    const shown = await present(withComments, validity.last());
    withComments.forEach(({ watch, told }, i) => {
      // Nobody watches it any more, or all of it is wanted since: then it is told with the next turn.
      if (lives.has(watch.videoId) && watch.told === told && watch.comments) tell(watch, shown[i]);
    });
  }

  /** What cannot be asked now is asked with the next turn; the rest goes on. */
  async function attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      log.debug({ err: error }, "live: something could not be asked; it is asked again");
    }
  }
  async function turn(): Promise<void> {
    const news = new Map<LiveWatcher, OneNews[]>();
    const add: AddNews = (watcher, one) => {
      const own = news.get(watcher);
      if (own) own.push(one);
      else news.set(watcher, [one]);
    };
    await attempt(async () => {
      if (lives.size === 0) return;
      const now = await validity.now();
      if (now === undefined) return;
      await read(now);
      await judge(now);
      await tellVideos(add);
    });
    await attempt(() => work.look(add));
    for (const [watcher, all] of news) {
      const wanted = all.filter(({ isWanted }) => isWanted());
      if (wanted.length > 0) watcher.tell(wanted.map(({ text }) => text));
    }
    timer = undefined;
    if (watchesOf.size > 0 || work.isWatched()) keepTurning();
  }
  function keepTurning(): void {
    if (!stopped) timer ??= setTimeout(() => void turn(), turnMs).unref();
  }

  function drop(watch: Watch): void {
    const live = lives.get(watch.videoId);
    live?.watches.delete(watch);
    if (live?.watches.size === 0) lives.delete(watch.videoId);
  }

  return {
    watch(watcher, videoIds, comments) {
      const own = watchesOf.get(watcher) ?? new Map<string, Watch>();
      watchesOf.set(watcher, own);
      for (const videoId of videoIds.filter(isId)) {
        const known = own.get(videoId);
        const live = lives.get(videoId) ?? {
          ...{ watches: new Set<Watch>(), epoch: unread, version: 1, open: false, authorId: undefined },
          ...{ counts: "", latest: new Map() },
        };
        lives.set(videoId, live);
        // Comments are read only where somebody wants them.
        if (comments && ![...live.watches].some((one) => one.comments)) live.epoch = unread;
        if (known) {
          if (comments && !known.comments) Object.assign(known, { comments, told: 0 });
          continue;
        }
        const watch: Watch = { watcher, videoId, comments, may: undefined, epoch: unread, told: 0 };
        own.set(videoId, watch);
        live.watches.add(watch);
      }
      keepTurning();
    },
    watchWork(watcher, videoIds) {
      work.watch(watcher, videoIds);
      keepTurning();
    },
    unwatch(watcher, videoIds, comments) {
      const own = watchesOf.get(watcher);
      for (const id of videoIds) {
        const watch = own?.get(id);
        if (!watch) continue;
        if (comments) watch.comments = false;
        else {
          own!.delete(id);
          drop(watch);
        }
      }
      if (own?.size === 0) watchesOf.delete(watcher);
    },
    unwatchWork: work.unwatch,
    leave(watcher) {
      for (const watch of watchesOf.get(watcher)?.values() ?? []) drop(watch);
      watchesOf.delete(watcher);
      work.leave(watcher);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
