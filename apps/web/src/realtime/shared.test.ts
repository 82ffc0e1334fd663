import { expect, it, vi } from "vitest";
import { type LiveFrame, noWants, type Wants } from "./live.ts";
import { shareRealtime } from "./shared.ts";
import type { Entry, News, Timeline } from "./timeline.ts";

const entry = (seq: number): Entry => ({ seq: String(seq), at: "2026-11-29T00:00:00Z", kind: "message" });

/** The tabs of one browser: what each hears, and which of them has the connection. */
function browser() {
  const waiting: { grant: () => void; signal: AbortSignal }[] = [];
  let held = false;
  const locks = {
    request: async (_name: string, { signal }: { signal: AbortSignal }, act: () => Promise<void>) => {
      if (held) await new Promise<void>((grant) => waiting.push({ grant, signal }));
      held = true;
      await act();
      held = false;
      waiting.shift()?.grant();
    },
  } as unknown as LockManager;
  const channels = new Set<Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">>();
  let leader:
    | {
        tab: string;
        timeline: Timeline;
        news: Pick<News, "online" | "live" | "line">;
        wants: () => Wants;
        wrote: string[];
      }
    | undefined;

  function open(tab: string) {
    const heard: string[] = [];
    const live: LiveFrame[] = [];
    const lines: boolean[] = [];
    let online: boolean | undefined;
    const channel: Pick<BroadcastChannel, "postMessage" | "onmessage" | "close"> = {
      onmessage: null,
      postMessage(data: unknown) {
        for (const other of channels)
          if (other !== channel)
            other.onmessage?.call(other as BroadcastChannel, new MessageEvent("message", { data }));
      },
      close: () => void channels.delete(channel),
    };
    channels.add(channel);
    const shared = shareRealtime({
      name: "ada",
      locks,
      channel,
      news: {
        entries: (entries) => heard.push(...entries.map(({ seq }) => seq)),
        resync: ({ epoch, seq }) => heard.push(`resync ${epoch} ${seq}`),
        online(is) {
          online = is;
        },
        live: (frame) => void live.push(frame),
        line: (is) => void lines.push(is),
      },
      start(timeline, news, wants) {
        const wrote: string[] = [];
        leader = { tab, timeline, news, wants, wrote };
        return { wake() {}, update() {}, writes: (id) => void wrote.push(id), stop() {} };
      },
    });
    return { heard, live, lines, channel, online: () => online, ...shared };
  }
  return { open, leader: () => leader!, settled: () => new Promise((resolve) => setTimeout(resolve)) };
}

it("one tab has the connection, and the others hear the same", async () => {
  const { open, leader, settled } = browser();
  const one = open("one");
  const two = open("two");
  await settled();
  expect(leader().tab).toBe("one");
  leader().news.online(true);
  leader().timeline.moveTo({ epoch: "e", seq: "4" });
  leader().timeline.take([entry(5), entry(6)]);
  expect(one.heard).toEqual(["resync e 4", "5", "6"]);
  expect(two.heard).toEqual(one.heard);
  const three = open("three");
  expect([one, two, three].map((tab) => tab.online())).toEqual([true, true, true]);
});

it("another tab goes on from where it was told everything when the first is closed", async () => {
  const { open, leader, settled } = browser();
  const one = open("one");
  const two = open("two");
  await settled();
  leader().timeline.moveTo({ epoch: "e", seq: "4" });
  leader().timeline.take([entry(5)]);
  one.stop();
  await settled();
  expect(leader().tab).toBe("two");
  expect(leader().timeline.position()).toEqual({ epoch: "e", seq: "5" });
  leader().timeline.take([entry(5), entry(6)]);
  expect(two.heard).toEqual(["resync e 4", "5", "6"]);
});

it("a tab that missed something fetches its lists again", async () => {
  const { open, leader, settled } = browser();
  open("one");
  const two = open("two");
  await settled();
  leader().timeline.moveTo({ epoch: "e", seq: "4" });
  const { onmessage } = two.channel;
  two.channel.onmessage = null;
  leader().timeline.take([entry(5)]);
  two.channel.onmessage = onmessage;
  leader().timeline.take([entry(6)]);
  leader().timeline.take([entry(7)]);
  expect(two.heard).toEqual(["resync e 4", "resync e 6", "7"]);
});

it("a tab that is shown while the one with the connection is frozen has one of its own", async () => {
  vi.useFakeTimers();
  try {
    const { open, leader } = browser();
    const one = open("one");
    const two = open("two");
    await vi.advanceTimersByTimeAsync(1);
    two.wake();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(leader().tab).toBe("one");
    one.channel.onmessage = null;
    two.wake();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(leader().tab).toBe("two");
    leader().timeline.moveTo({ epoch: "e", seq: "1" });
    leader().timeline.take([entry(2)]);
    expect(two.heard).toEqual(["resync e 1", "2"]);
  } finally {
    vi.useRealTimers();
  }
});

const here = (userId: string) => ({ userId, online: true, lastSeenAt: null });

it("the connection asks for what all tabs want, and tells each tab what it came too late for", async () => {
  const { open, leader, settled } = browser();
  const one = open("one");
  const two = open("two");
  await settled();
  one.want({ ...noWants, people: ["1"] });
  two.want({ ...noWants, people: ["2"], videos: ["9"] });
  two.writes("2");
  expect(leader().wants()).toEqual({ ...noWants, people: ["1", "2"], videos: ["9"] });
  expect(leader().wrote).toEqual(["2"]);
  leader().news.line(true);
  leader().news.live({ type: "presence", people: [here("1"), here("2")] });
  const three = open("three");
  three.want({ ...noWants, people: ["2"] });
  expect(three.lines.at(-1)).toBe(true);
  expect(three.live).toEqual([{ type: "presence", people: [here("2")] }]);
  two.stop();
  expect(leader().wants().people).toEqual(["1", "2"]);
  three.stop();
  expect(leader().wants().people).toEqual(["1"]);
});

it("a tab that takes over asks the others what they want", async () => {
  const { open, leader, settled } = browser();
  const one = open("one");
  const two = open("two");
  const three = open("three");
  await settled();
  two.want({ ...noWants, people: ["2"] });
  three.want({ ...noWants, videos: ["9"] });
  one.stop();
  await settled();
  expect(leader().tab).toBe("two");
  expect(leader().wants()).toEqual({ ...noWants, people: ["2"], videos: ["9"] });
});
