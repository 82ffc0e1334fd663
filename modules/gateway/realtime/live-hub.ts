import type { Comment } from "#contracts/gen/interaction_pb.ts";
import { Relationship } from "#contracts/gen/relation_pb.ts";
import type { Validity } from "#platform/cache/validity.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Logger } from "#platform/observe/log.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import { toApiComment, toApiCounts, toApiWork } from "../api/present.ts";
import type { Composer } from "../composition/composer.ts";
import type { PublicParts } from "../composition/public-parts.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { groupBy, portions } from "./batches.ts";

/** A connection that watches videos. */
export interface LiveWatcher {
  readonly userId: string;
  readonly moderator: boolean;
  readonly urls: MediaUrls;
  /** Whether it has read what it was sent; otherwise it is told the next time. */
  hasRoom(): boolean;
  /** What has changed of some videos, each as JSON. */
  tell(videos: readonly string[]): void;
}

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
const pairsInQuestion = 2_000;
/** Questions as a person, of which each goes alone. */
const ownAtOnce = 50;
/** Who has just begun to watch may have missed a comment between their page and this. */
const justNowMs = 30_000;
/** An epoch before all others. */
const unread = -1;
const block = Relationship.BLOCKS | Relationship.BLOCKED_BY;

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
  latest: ReadonlyMap<string, Comment>;
  /** What is new in this version. */
  fresh: readonly Comment[];
}

interface OneNews {
  text: string;
  /** Whether the watcher has not turned away meanwhile. */
  isWanted(): boolean;
}
type News = Map<LiveWatcher, OneNews[]>;

/**
 * Tells connections what changes of the videos in view. The log of changes that validates kept pages (docs/adr/0011)
 * says which videos to read again, once a second and in one question for all of them.
 */
export function createLiveHub(
  { video, relation, interaction }: Pick<GatewayClients, "video" | "relation" | "interaction">,
  parts: Pick<PublicParts, "videos" | "videoStats">,
  composer: Pick<Composer, "unblockedPeople">,
  validity: Validity,
  switchedOff: () => ReadonlySet<string>,
  log: Logger,
): LiveHub {
  const lives = new Map<string, Live>();
  const watchesOf = new Map<LiveWatcher, Map<string, Watch>>();
  /** What was told last of the work on own videos; null: it is done. */
  const worksOf = new Map<LiveWatcher, Map<string, string | null>>();
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
        live.fresh = own.filter((one) => !live.latest.has(one.id));
        live.latest = new Map(own.map((one) => [one.id, one]));
        if (counts === live.counts && live.fresh.length === 0) continue;
        live.counts = counts;
        live.version++;
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
        settle(watch, watch.watcher.moderator || ((standings[i]?.[0] ?? 0) & block) === 0);
      });
    }
  }

  const isDue = ({ videoId, may, told }: Watch) => {
    const live = lives.get(videoId);
    if (!live || live.epoch === unread || may === undefined) return false;
    return may ? told !== live.version : told > 0;
  };
  /** What a watch is to be told; undefined: nothing. */
  async function newsOf(watch: Watch): Promise<string | undefined> {
    const { watcher, videoId, told, comments } = watch;
    const live = lives.get(videoId)!;
    const { version } = live;
    if (!watch.may) {
      watch.told = 0;
      return JSON.stringify({ videoId, gone: true });
    }
    const justNow = Date.now() - justNowMs;
    const fresh = !comments
      ? []
      : told > 0
        ? live.fresh
        : [...live.latest.values()].filter(({ createdAtMs }) => createdAtMs > justNow);
    const counts = switchedOff().has("reactions") ? "" : `,"counts":${live.counts}`;
    const shown = fresh.length > 0 ? await present(fresh, watcher) : [];
    const added = shown.length > 0 ? `,"comments":${JSON.stringify(shown)}` : "";
    watch.told = version;
    return counts || added ? `{"videoId":"${videoId}"${counts}${added}}` : undefined;
  }
  /** Without those of people with whom there is a block. */
  async function present(comments: readonly Comment[], watcher: LiveWatcher) {
    const ids = comments.flatMap(({ authorId, replyToUserId }) => [authorId, replyToUserId]).filter(Boolean);
    const people = await composer.unblockedPeople(ids, callAs(watcher, { asOf: validity.last() }));
    const byId = new Map(people.map((person) => [person.user.id, person]));
    return comments.flatMap((comment) => toApiComment(comment, byId, watcher.urls) ?? []);
  }

  async function tellVideos(news: News): Promise<void> {
    const due: Watch[] = [];
    for (const own of watchesOf.values())
      for (const watch of own.values()) if (isDue(watch) && watch.watcher.hasRoom()) due.push(watch);
    await Promise.all(
      due.map((watch) =>
        attempt(async () => {
          const { watcher, videoId } = watch;
          const text = await newsOf(watch);
          const isWanted = () => watchesOf.get(watcher)?.get(videoId) === watch;
          if (text !== undefined) add(news, watcher, { text, isWanted });
        }),
      ),
    );
  }

  /** How far the work on own videos is: that is in no log, so those that are worked on are read. */
  async function tellWork(news: News): Promise<void> {
    const byPerson = groupBy(
      [...worksOf].filter(([watcher]) => watcher.hasRoom()),
      ([{ userId }]) => userId,
    );
    for (const some of portions([...byPerson], ownAtOnce))
      await Promise.all(
        some.map(async ([userId, watchers]) => {
          const ids = new Set(
            watchers.flatMap(([, own]) => [...own].flatMap(([id, told]) => (told === null ? [] : [id]))),
          );
          if (ids.size === 0) return;
          const { videos } = await video.getVideos({ ids: [...ids] }, callAs(watchers[0]![0]));
          const found = new Map(videos.map((one) => [one.id, one]));
          for (const [watcher, own] of watchers)
            for (const [id, told] of [...own]) {
              if (told === null || !ids.has(id)) continue;
              const isWanted = () => worksOf.get(watcher)?.has(id) === true;
              const one = found.get(id);
              if (one?.authorId !== userId) {
                own.set(id, null);
                add(news, watcher, { text: JSON.stringify({ videoId: id, gone: true }), isWanted });
                continue;
              }
              const work = toApiWork(one);
              const text = JSON.stringify({ videoId: id, ...work });
              if (text !== told) add(news, watcher, { text, isWanted });
              const isDone =
                ["published", "ready", "failed"].includes(work.state) &&
                !work.steps.some(({ state }) => state === "waiting" || state === "running");
              own.set(id, isDone ? null : text);
            }
        }),
      );
  }

  function add(news: News, watcher: LiveWatcher, one: OneNews): void {
    const own = news.get(watcher);
    if (own) own.push(one);
    else news.set(watcher, [one]);
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
    const news: News = new Map();
    await attempt(async () => {
      if (lives.size === 0) return;
      const now = await validity.now();
      if (now === undefined) return;
      await read(now);
      await judge(now);
      await tellVideos(news);
    });
    await attempt(() => tellWork(news));
    for (const [watcher, all] of news) {
      const wanted = all.filter(({ isWanted }) => isWanted());
      if (wanted.length > 0) watcher.tell(wanted.map(({ text }) => text));
    }
    timer = undefined;
    if (watchesOf.size + worksOf.size > 0) keepTurning();
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
          ...{ counts: "", latest: new Map(), fresh: [] },
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
      const own = worksOf.get(watcher) ?? new Map<string, string | null>();
      worksOf.set(watcher, own);
      for (const id of videoIds.filter(isId)) own.set(id, "");
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
    unwatchWork(watcher, videoIds) {
      const own = worksOf.get(watcher);
      for (const id of videoIds) own?.delete(id);
      if (own?.size === 0) worksOf.delete(watcher);
    },
    leave(watcher) {
      for (const watch of watchesOf.get(watcher)?.values() ?? []) drop(watch);
      watchesOf.delete(watcher);
      worksOf.delete(watcher);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
