import { expect, onTestFinished, test, vi } from "vitest";
import { watchParts } from "./degraded.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";

const log = createLog("silent");
const endless = () => new Promise<undefined>(() => {});

test("failed parts are reported, to every caller and as a gauge; working ones are not", async () => {
  const metrics = createMetrics();
  const degraded = watchParts(
    {
      sound: { look: async () => undefined, freshMs: 0 },
      broken: { look: async () => "BROKEN: mend it", freshMs: 0 },
    },
    { metrics, log },
  );
  expect(await degraded.problems()).toEqual({ broken: "BROKEN: mend it" });
  const shown = await metrics.registry.getSingleMetricAsString("douya_degraded");
  expect(shown).toContain('douya_degraded{part="sound"} 0');
  expect(shown).toContain('douya_degraded{part="broken"} 1');
});

test("however many ask, a part is checked once at a time, and not while the last result is fresh", async () => {
  let looks = 0;
  const look = async () => {
    looks++;
    return undefined;
  };
  const degraded = watchParts({ one: { look, freshMs: 3_600_000 } }, { metrics: createMetrics(), log });
  await Promise.all(Array.from({ length: 100 }, degraded.problems));
  for (let i = 0; i < 100; i++) await degraded.problems();
  expect(looks).toBe(1);

  let hanging = 0;
  const hang = () => {
    hanging++;
    return endless();
  };
  const stuck = watchParts({ one: { look: hang, freshMs: 0 } }, { metrics: createMetrics(), log });
  for (let i = 0; i < 3; i++) expect(await stuck.problems()).toEqual({});
  expect(hanging).toBe(1);
});

test("a check that is known to be slow is not waited for at all", async () => {
  let finish: (problem: string) => void = () => {};
  const look = () =>
    new Promise<string>((resolve) => {
      finish = resolve;
    });
  const degraded = watchParts({ media: { look, freshMs: 0, slow: true } }, { metrics: createMetrics(), log });
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  expect(await degraded.problems()).toEqual({});
  finish("SLOW: it is");
  await expect(degraded.problems()).resolves.toEqual({});
  expect(await degraded.problems()).toEqual({ media: "SLOW: it is" });
});

test("a slow check is reported with a later answer, and a failed one keeps the last result", async () => {
  let finish: (problem: string) => void = () => {};
  const answers: (() => Promise<string | undefined>)[] = [
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
    () => Promise.reject(new Error("nobody knows")),
  ];
  const look = () => (answers.shift() ?? (async () => undefined))();
  const degraded = watchParts({ slow: { look, freshMs: 0 } }, { metrics: createMetrics(), log });
  expect(await degraded.problems()).toEqual({});
  finish("SLOW: it is");
  expect(await degraded.problems()).toEqual({ slow: "SLOW: it is" });
});
