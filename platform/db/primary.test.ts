import { expect, onTestFinished, test, vi } from "vitest";
import { createLog } from "../observe/log.ts";
import { freePorts } from "../testing/free-ports.ts";
import { watchPrimary } from "./primary.ts";
import { serverAddresses } from "./server-addresses.ts";

test("while there is no primary a bounded number waits for one, none of them for long, and nobody is kept", async () => {
  const [one, other] = await freePorts(2);
  const primary = watchPrimary(
    serverAddresses(`postgres://douya:word@127.0.0.1:${one},127.0.0.1:${other}/douya`),
    { log: createLog("silent"), name: "test", onMoved: () => {} },
  );
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(async () => {
    vi.useRealTimers();
    await primary.stop();
  });
  const ask = () => primary.locate().then(String, ({ code }) => code as string);
  const waiting = Array.from({ length: 256 }, ask);
  expect(primary.waiting()).toBe(256);
  expect(await ask()).toBe("ECONNREFUSED");
  expect(primary.waiting()).toBe(256);
  vi.advanceTimersByTime(4_000);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["ECONNREFUSED"]));
  expect(primary.waiting()).toBe(0);
});
