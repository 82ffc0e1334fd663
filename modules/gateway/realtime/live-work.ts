import { isId } from "#platform/ids/snowflake.ts";
import { toApiWork } from "../api/present.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { groupBy, portions } from "./batches.ts";
import type { AddNews, LiveWatcher } from "./live-watcher.ts";

/** Questions as a person, of which each goes alone. */
export const ownAtOnce = 50;

/** How far the work on own videos is: that is in no log, so those that are worked on are read. */
export interface LiveWork {
  watch(watcher: LiveWatcher, videoIds: readonly string[]): void;
  unwatch(watcher: LiveWatcher, videoIds: readonly string[]): void;
  leave(watcher: LiveWatcher): void;
  isWatched(): boolean;
  look(add: AddNews): Promise<void>;
}

export function createLiveWork(
  video: Pick<GatewayClients["video"], "getVideos">,
  callAs: (watcher: LiveWatcher) => PublicCall,
): LiveWork {
  /** What was told last of each; null: it is done. */
  const worksOf = new Map<LiveWatcher, Map<string, string | null>>();
  return {
    watch(watcher, videoIds) {
      const own = worksOf.get(watcher) ?? new Map<string, string | null>();
      worksOf.set(watcher, own);
      for (const id of videoIds.filter(isId)) own.set(id, "");
    },
    unwatch(watcher, videoIds) {
      const own = worksOf.get(watcher);
      for (const id of videoIds) own?.delete(id);
      if (own?.size === 0) worksOf.delete(watcher);
    },
    leave: (watcher) => void worksOf.delete(watcher),
    isWatched: () => worksOf.size > 0,
    async look(add) {
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
                  add(watcher, { text: JSON.stringify({ videoId: id, gone: true }), isWanted });
                  continue;
                }
                const work = toApiWork(one);
                const text = JSON.stringify({ videoId: id, ...work });
                if (text !== told) add(watcher, { text, isWanted });
                const isDone =
                  ["published", "ready", "failed"].includes(work.state) &&
                  !work.steps.some(({ state }) => state === "waiting" || state === "running");
                own.set(id, isDone ? null : text);
              }
          }),
        );
    },
  };
}
