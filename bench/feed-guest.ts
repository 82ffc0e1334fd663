import type { Bench, BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import type { StaticAnswer } from "./ceilings/answer-from-memory.ts";
import { type AskedPage, answerTo, apiFeed, classicFeed, getRequest } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare } from "./rounds.ts";
import { type Row, ratioRow } from "./scoreboard.ts";
import { cpuMs } from "./server-process.ts";
import { startWorker } from "./worker.ts";

const connections = 64;

/** The public feed of 30 videos by the classic API. */
export const feedGuest: Bench = (environment, options) =>
  measure(environment, options, { name: "feed-guest", page: classicFeed(), atLeast: 0.6 });

/** The first page of 10 that our own client asks for. */
export const feedApiGuest: Bench = (environment, options) =>
  measure(environment, options, { name: "feed-api-guest", page: apiFeed(), atLeast: 0.5 });

/** A page for guests, against node:http that answers the very same bytes from memory. */
async function measure(
  environment: BenchEnvironment,
  { rounds, roundMs, profileDir }: BenchOptions,
  { name, page, atLeast }: { name: string; page: AskedPage; atLeast: number },
): Promise<Row[]> {
  const server = await environment.serve({ profileDir });
  const generator = environment.owns(startGenerator());
  const memory = environment.owns(startWorker<StaticAnswer, number>("ceilings/answer-from-memory"));
  const answer = await answerTo(server.port, page);
  const memoryPort = await memory.ask(answer);
  const requests = [getRequest(page.path, page.headers)];
  const detail = {
    bodyBytes: Buffer.byteLength(answer.body),
    ours: [] as object[],
    ceiling: [] as object[],
  };
  const rate = (port: number, pid: number, details: object[]) => async () => {
    const beforeMs = await cpuMs(pid);
    const result = await runLoad(generator, { port, requests, connections, durationMs: roundMs });
    const cpuMicros = (((await cpuMs(pid)) - beforeMs) * 1000) / result.succeeded;
    details.push({ ...result, serverCpuMicrosPerRequest: cpuMicros });
    return result.perSecond;
  };
  const compared = await compare(
    rounds,
    rate(server.port, server.pid, detail.ours),
    rate(memoryPort, memory.pid, detail.ceiling),
  );
  await Promise.all([generator.stop(), memory.stop(), server.stop()]);
  return [ratioRow(name, "requests/s", compared, { atLeast }, detail)];
}
