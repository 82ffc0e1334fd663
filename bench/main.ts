import { parseArgs } from "node:util";
import type { Bench, BenchOptions } from "./bench.ts";
import { createBenchEnvironment } from "./bench-environment.ts";
import { cache } from "./cache.ts";
import { fanOut } from "./fan-out.ts";
import { feedCold } from "./feed-cold.ts";
import { feedApiGuest, feedGuest } from "./feed-guest.ts";
import { feedApiUser, feedUser } from "./feed-user.ts";
import { firstFrame } from "./first-frame.ts";
import { following } from "./following.ts";
import { group } from "./group.ts";
import { growth } from "./growth.ts";
import { likeFour } from "./like-four.ts";
import { login } from "./login.ts";
import { loginStorm } from "./login-storm.ts";
import { firstRung, ladder, segmentServe } from "./media.ts";
import { overload } from "./overload.ts";
import { history, plays } from "./plays.ts";
import { publishBig } from "./publish-big.ts";
import { realtimeDeliver, realtimeHerd, realtimeIdle } from "./realtime.ts";
import { relay } from "./relay.ts";
import { machine, printTable, type Row, writeResults } from "./scoreboard.ts";
import { sessionCheck } from "./session-check.ts";
import { smallBlobs } from "./small-blobs.ts";
import { split } from "./split.ts";
import { start } from "./start.ts";
import { twoGateways } from "./two-gateways.ts";
import { upload } from "./upload.ts";
import { lines } from "./viewer.ts";
import { watchRun } from "./watch-run.ts";
import { follow, likeHot, likeSpread } from "./writes.ts";

const benches: Record<string, Bench> = {
  "feed-guest": feedGuest,
  "feed-api-guest": feedApiGuest,
  "feed-user": feedUser,
  "feed-api-user": feedApiUser,
  login,
  "login-storm": loginStorm,
  "like-spread": likeSpread,
  "like-hot": likeHot,
  "like-four": likeFour,
  follow,
  "fan-out": fanOut,
  group,
  "publish-big": publishBig,
  upload,
  start,
  split,
  "two-gateways": twoGateways,
  growth,
  following,
  "feed-cold": feedCold,
  "first-frame": firstFrame,
  "watch-run": watchRun("loopback", lines.loopback, 100),
  "watch-run-4g": watchRun("4G", lines["4G"], 150),
  "watch-run-away": watchRun("4G away", lines["4G"], 150, true),
  "first-rung": firstRung,
  ladder,
  "segment-serve": segmentServe,
  "small-blobs": smallBlobs,
  cache,
  "session-check": sessionCheck,
  relay,
  "realtime-idle": realtimeIdle,
  "realtime-deliver": realtimeDeliver,
  "realtime-herd": realtimeHerd,
  plays,
  history,
  overload,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "4" },
    profile: { type: "boolean", default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(benches);
const unknown = names.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  console.error(`There is no benchmark "${unknown}". Choose from: ${Object.keys(benches).join(", ")}.`);
  process.exit(2);
}
const options: BenchOptions = {
  rounds: positive("rounds", values.rounds),
  roundMs: positive("seconds", values.seconds) * 1000,
  profileDir: values.profile ? "bench/results" : undefined,
};

const environment = await createBenchEnvironment();
const stopped = new Promise<never>((_resolve, reject) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
});
stopped.catch(() => {});
const rows: Row[] = [];
try {
  for (const name of names) {
    console.error(`${name} …`);
    rows.push(...(await Promise.race([benches[name]!(environment, options), stopped])));
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await environment.remove();
  if (rows.length > 0) {
    printTable(rows);
    console.log(`\n${machine()}\nwritten to ${await writeResults(rows, options)}`);
  }
}
process.exit();

function positive(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  console.error(`--${name} must be a whole number above 0.`);
  process.exit(2);
}
