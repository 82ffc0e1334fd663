import type { Bench } from "./bench.ts";
import type { StaticAnswer } from "./ceilings/answer-from-memory.ts";
import { guestFeed } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { cpuMs } from "./server-process.ts";
import { startWorker } from "./worker.ts";

const connections = 64;

/** The public feed of 30 videos, against node:http that answers the very same bytes from memory. */
export const feedGuest: Bench = async (world, { rounds, roundMs, profileDir }) => {
  const server = await world.serve({ profileDir });
  const generator = world.owns(startGenerator());
  const memory = world.owns(startWorker<StaticAnswer, number>("ceilings/answer-from-memory"));
  const response = await fetch(`http://127.0.0.1:${server.port}/douyin/feed/`);
  const answer = { body: await response.text(), contentType: response.headers.get("content-type")! };
  const memoryPort = await memory.ask(answer);
  const detail = {
    bodyBytes: Buffer.byteLength(answer.body),
    ours: [] as object[],
    ceiling: [] as object[],
  };
  const measure = (port: number, pid: number, details: object[]) => async () => {
    const load = { port, requests: [guestFeed], connections, durationMs: roundMs };
    const beforeMs = await cpuMs(pid);
    const result = await runLoad(generator, load);
    const cpuMicros = (((await cpuMs(pid)) - beforeMs) * 1000) / result.succeeded;
    details.push({ ...result, serverCpuMicrosPerRequest: cpuMicros });
    return result.perSecond;
  };
  const compared = await compare(
    rounds,
    measure(server.port, server.pid, detail.ours),
    measure(memoryPort, memory.pid, detail.ceiling),
  );
  await Promise.all([generator.stop(), memory.stop(), server.stop()]);
  return [ratioRow("feed-guest", "requests/s", compared, { atLeast: 0.6 }, detail)];
};
