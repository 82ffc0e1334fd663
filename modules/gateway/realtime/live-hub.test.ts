import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Relationship } from "#contracts/gen/relation_pb.ts";
import { createLog } from "#platform/observe/log.ts";
import { createLiveHub } from "./live-hub.ts";
import type { LiveWatcher } from "./live-watcher.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});
const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000);

/** A hub over one video of person 9, on which people comment. */
function world() {
  const comments: {
    id: string;
    videoId: string;
    authorId: string;
    text: string;
    takenDown: boolean;
    createdAtMs: number;
  }[] = [];
  const blocks = new Set<string>();
  const questions = { people: 0, standings: 0 };
  let epoch = 1;
  let away = false;
  const hub = createLiveHub(
    {
      video: {},
      relation: {
        async getStandings({ people }: { people: { userId: string; otherIds: string[] }[] }) {
          questions.standings++;
          const flags = (one: string, other: string) =>
            (blocks.has(`${one} ${other}`) ? Relationship.BLOCKS : 0) |
            (blocks.has(`${other} ${one}`) ? Relationship.BLOCKED_BY : 0);
          return {
            standings: people.map(({ userId, otherIds }) =>
              Uint8Array.from(otherIds, (id) => flags(userId, id)),
            ),
          };
        },
      },
      interaction: {
        getLatestComments: async () => ({ comments: comments.slice(-20).reverse() }),
      },
    } as never,
    {
      videos: async (ids: string[]) => new Map(ids.map((id) => [id, { authorId: "9" }])),
      videoStats: async (ids: string[]) => new Map(ids.map((id) => [id, { comments: comments.length }])),
    } as never,
    {
      async people(ids: string[]) {
        questions.people++;
        if (away) throw new Error("away");
        return ids.map((id) => ({ user: { id, createdAtMs: 0 }, works: 0 }));
      },
    } as never,
    {
      now: async () => epoch,
      last: () => epoch,
      isUnchanged: (_id: string, of: number) => of === epoch,
    } as never,
    () => new Set(),
    createLog("silent"),
  );
  function watcher(userId: string) {
    const heard: string[] = [];
    const own = {
      ...{ userId, moderator: false, heard, frames: 0, room: true },
      urls: { avatar: () => "", background: () => "" } as never,
      hasRoom: (): boolean => own.room,
      tell(videos: readonly string[]) {
        own.frames++;
        for (const one of videos)
          heard.push(...(JSON.parse(one).comments ?? []).map(({ id }: { id: string }) => id).reverse());
      },
    } satisfies LiveWatcher & Record<string, unknown>;
    hub.watch(own, ["5"], true);
    return own;
  }
  return {
    watcher,
    blocks,
    questions,
    say(authorId: string) {
      epoch++;
      const id = String(100 + comments.length);
      comments.push({ id, videoId: "5", authorId, text: "hello", takenDown: false, createdAtMs: Date.now() });
      return id;
    },
    judge(id: string, takenDown: boolean) {
      epoch++;
      const at = comments.findIndex((one) => one.id === id);
      comments[at] = { ...comments[at]!, takenDown };
    },
    away(is: boolean) {
      away = is;
    },
  };
}

test("a new comment costs the same questions for one viewer and for a thousand", async () => {
  const { watcher, say, questions } = world();
  const all = Array.from({ length: 1_000 }, (_, i) => watcher(String(1_000 + i)));
  await seconds(2);
  const before = { ...questions };
  const id = say("7");
  await seconds(1.5);
  expect(all.every(({ heard }) => heard.join() === id)).toBe(true);
  expect(questions.people - before.people).toBe(1);
  // Whether they may see the video, and how they stand to who wrote.
  expect(questions.standings - before.standings).toBe(2);
});

test("who has no room for a while, or cannot be told, hears every comment then, once", async () => {
  const { watcher, say, away } = world();
  const [slow, quick] = [watcher("1"), watcher("2")];
  await seconds(2);
  slow.room = false;
  const first = say("7");
  await seconds(1.5);
  const second = say("7");
  await seconds(1.5);
  expect([slow.heard, quick.heard]).toEqual([[], [first, second]]);
  slow.room = true;
  const third = say("7");
  await seconds(1.5);
  away(true);
  const fourth = say("7");
  await seconds(3);
  const fifth = say("7");
  await seconds(3);
  away(false);
  await seconds(1.5);
  const everything = [first, second, third, fourth, fifth];
  expect([slow.heard, quick.heard]).toEqual([everything, everything]);
});

test("a comment that is taken down or restored comes again, once each time", async () => {
  const { watcher, say, judge } = world();
  const one = watcher("1");
  await seconds(2);
  const id = say("7");
  await seconds(1.5);
  judge(id, true);
  await seconds(3);
  expect(one.heard).toEqual([id, id]);
  judge(id, false);
  const next = say("7");
  await seconds(3);
  expect(one.heard).toEqual([id, id, id, next]);
});

test("nobody hears from whom they block, nor who blocks them", async () => {
  const { watcher, say, blocks } = world();
  const [ada, ben, eve] = [watcher("1"), watcher("2"), watcher("3")];
  blocks.add("1 7");
  blocks.add("7 2");
  await seconds(2);
  const id = say("7");
  await seconds(1.5);
  expect([ada.heard, ben.heard, eve.heard]).toEqual([[], [], [id]]);
});
