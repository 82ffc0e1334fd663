import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { type Answer, body } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const rounds = 6;
const fansCount = 3;

/** What somebody did, and whether it was let in. */
interface Act {
  begunMs: number;
  endedMs: number;
  status: number;
}

describe.each(shapes)("people who act on a video all the time, %s", (shape) => {
  const server = scenario(shape);
  let author: Person;
  let fans: Person[];
  let videoId: string;

  beforeAll(async () => {
    [author, ...fans] = (await Promise.all(
      Array.from({ length: 1 + fansCount }, () => server.register()),
    )) as [Person, ...Person[]];
    videoId = (await author.settled((await author.publish(freshClip())).id)).id;
  });

  /**
   * While `act` is done again and again by each, `close` and `open` change in turns whether it may be. What begins after
   * an answer and ends before the next question has to be as that answer says.
   */
  async function feel(
    actors: readonly Person[],
    act: (who: Person) => Promise<Answer<unknown>>,
    { close, open, refused }: { close(): Promise<unknown>; open(): Promise<unknown>; refused: number },
  ): Promise<void> {
    const acts: Act[] = [];
    let stopped = false;
    const acting = actors.map(async (who) => {
      while (!stopped) {
        const begunMs = performance.now();
        const { status } = await act(who);
        acts.push({ begunMs, endedMs: performance.now(), status });
      }
    });
    const phases: { isOpen: boolean; fromMs: number; toMs: number }[] = [];
    const phase = async (isOpen: boolean) => {
      const fromMs = performance.now();
      const since = () => acts.filter(({ begunMs }) => begunMs > fromMs).length;
      await until("acts in this phase", () => since() >= 3 * actors.length);
      phases.push({ isOpen, fromMs, toMs: performance.now() });
    };
    try {
      for (let i = 0; i < rounds; i++) {
        await phase(true);
        await close();
        await phase(false);
        await open();
      }
    } finally {
      stopped = true;
      await Promise.all(acting);
    }
    for (const { isOpen, fromMs, toMs } of phases) {
      const within = acts.filter(({ begunMs, endedMs }) => begunMs > fromMs && endedMs < toMs);
      expect(within.length).toBeGreaterThan(0);
      for (const { status } of within) {
        if (isOpen) expect(status).toBeLessThan(300);
        else expect(status).toBe(refused);
      }
    }
  }

  const setVisibility = async (visibility: string) =>
    body(await author.patch(`/videos/${videoId}`, { json: { visibility } }));

  const acts: Record<string, (who: Person) => Promise<Answer<unknown>>> = {
    like: (who) => who.put(`/videos/${videoId}/like`),
    bookmark: (who) => who.put(`/videos/${videoId}/bookmark`),
    comment: (who) => who.post(`/videos/${videoId}/comments`, { json: { text: "again" } }),
  };

  test.each(Object.keys(acts))("no %s that begins after a video became private is let in", async (name) => {
    await feel(fans, acts[name]!, {
      close: () => setVisibility("private"),
      open: () => setVisibility("public"),
      refused: 404,
    });
  });

  test("no like that begins after its author blocked a person is let in", async () => {
    const [fan] = fans as [Person];
    await feel([fan], acts.like!, {
      close: async () => body(await author.put(`/users/${fan.id}/block`), 204),
      open: async () => body(await author.delete(`/users/${fan.id}/block`), 204),
      refused: 403,
    });
  });
});
