import type { BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import type { StaticAnswer } from "./ceilings/answer-from-memory.ts";
import { type AskedPage, answerTo, getRequest } from "./client.ts";
import { type Generator, runLoad, startGenerator } from "./generate.ts";
import type { Load } from "./load/generator.ts";
import { type Comparison, compare } from "./rounds.ts";
import { cpuMs, type ServerProcess } from "./server-process.ts";
import { startWorker } from "./worker.ts";

const connections = 64;

/** The longest that making all pages may take. */
const makingMs = 110_000;

/** The unit if the same pages are requested repeatedly; they are made before the measurement. */
export const cachedPages = "requests/s, cached pages";

/**
 * Makes and caches each page: the first request fills inboxes, and the second finds that nothing changes any more.
 */
export async function makePages(generator: Generator, port: number, requests: string[]): Promise<void> {
  const twice = [...requests, ...requests];
  await runLoad(generator, { port, requests: twice, once: true, connections, durationMs: makingMs });
}

export interface PageRates {
  compared: Comparison;
  detail: object;
  /** The requests to our server, to repeat them at another rate. */
  load: Load;
  generator: Generator;
  /** Stops the generator and the ceiling. */
  stop(): Promise<void>;
}

/** Requests/s of these pages in turn, against node:http that answers the bytes of the first one from memory. */
export async function comparePages(
  environment: BenchEnvironment,
  server: ServerProcess,
  pages: AskedPage[],
  { rounds, roundMs }: BenchOptions,
): Promise<PageRates> {
  const generator = environment.owns(startGenerator());
  const memory = environment.owns(startWorker<StaticAnswer, number>("ceilings/answer-from-memory"));
  const answer = await answerTo(server.port, pages[0]!);
  const requests = pages.map(({ path, headers }) => getRequest(path, headers));
  const detail = {
    bodyBytes: Buffer.byteLength(answer.body),
    ours: [] as object[],
    ceiling: [] as object[],
  };
  await makePages(generator, server.port, requests);
  const loadOf = (port: number) => ({ port, requests, connections, durationMs: roundMs });
  const rate = (port: number, pid: number, details: object[]) => async () => {
    const beforeMs = await cpuMs(pid);
    const result = await runLoad(generator, loadOf(port));
    const cpuMicros = (((await cpuMs(pid)) - beforeMs) * 1000) / result.succeeded;
    details.push({ ...result, serverCpuMicrosPerRequest: cpuMicros });
    return result.perSecond;
  };
  const compared = await compare(
    rounds,
    rate(server.port, server.pid, detail.ours),
    rate(await memory.ask(answer), memory.pid, detail.ceiling),
  );
  return {
    compared,
    detail,
    load: loadOf(server.port),
    generator,
    stop: async () => {
      await Promise.all([generator.stop(), memory.stop()]);
    },
  };
}
