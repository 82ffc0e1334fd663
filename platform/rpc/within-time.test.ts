import { EventEmitter, once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { withinTime } from "./within-time.ts";

const waits = (signal: AbortSignal) => once(new EventEmitter(), "never", { signal });

test("what waits is ended in time, also when garbage was collected meanwhile", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const waiting = withinTime(200, [new AbortController().signal], waits);
  const collecting = setInterval(collect, 50);
  await expect(waiting).rejects.toMatchObject({ cause: { name: "TimeoutError" } });
  clearInterval(collecting);
});

test("what ends earlier, or is ended, is not waited for", async () => {
  expect(await withinTime(3_600_000, [], async () => "done")).toBe("done");
  const ended = new AbortController();
  const waiting = withinTime(3_600_000, [ended.signal], waits);
  ended.abort("stopping");
  await expect(waiting).rejects.toMatchObject({ cause: "stopping" });
});
