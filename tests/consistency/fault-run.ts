import { setTimeout as delay } from "node:timers/promises";
import type { workload } from "./workload.ts";

/** One line of the table in docs/faults.md. */
export interface FaultLine {
  fault: string;
  /** Writes and reads that were answered with success. */
  acknowledged: number;
  /** What no order of the operations explains: acknowledged writes that are gone, and reads of what was over. */
  wrong: string[];
  /** Conversations in which one message is there twice. */
  doubled: string[];
  /** Share of requests without an answer, or with one that blames the server, from the fault on. */
  failedShare: number;
  /** From the fault to the last request that failed by it; 0 when none did. */
  recoveredSeconds: number;
}

const beforeMs = 2_000;
const afterMs = 3_000;
/** Fewer say nothing: a slow machine takes longer. */
const leastAcknowledged = 100;

/**
 * Lets clients act, brings the fault about (which resolves when it is mended as far as somebody mends it), and lets them
 * act until requests have not failed for some seconds, or for `patienceMs` at most.
 */
export async function runFault(
  fault: string,
  clients: ReturnType<typeof workload>,
  bringAbout: () => Promise<void>,
  patienceMs: number,
): Promise<FaultLine> {
  const { traffic } = clients;
  let acting = true;
  const acted = clients.act(() => acting);
  await delay(beforeMs);
  const atMs = performance.now();
  const requestsBefore = traffic.requests;
  const failuresBefore = traffic.failuresMs.length;
  await bringAbout();
  const mendedMs = performance.now();
  const calmSince = () => Math.max(mendedMs, traffic.failuresMs.at(-1) ?? 0);
  const enough = () =>
    performance.now() - calmSince() >= afterMs && clients.acknowledged() >= leastAcknowledged;
  while (!enough() && performance.now() - mendedMs < patienceMs) await delay(100);
  acting = false;
  await acted;
  const requests = traffic.requests - requestsBefore;
  const failures = traffic.failuresMs.slice(failuresBefore);
  await clients.readAll();
  return {
    fault,
    acknowledged: clients.acknowledged(),
    wrong: clients.violations(),
    doubled: clients.doubled(),
    failedShare: failures.length / requests,
    recoveredSeconds: failures.length === 0 ? 0 : (failures.at(-1)! - atMs) / 1000,
  };
}

/** As Markdown, for docs/faults.md. */
export function faultTable(lines: readonly FaultLine[]): string {
  const rows = lines.map(({ fault, acknowledged, wrong, doubled, failedShare, recoveredSeconds }) =>
    [
      fault,
      acknowledged,
      wrong.length,
      doubled.length,
      `${(failedShare * 100).toFixed(1)} %`,
      recoveredSeconds.toFixed(1),
    ].join(" | "),
  );
  return [
    "| fault | acknowledged | lost or stale | doubled | requests failed | seconds to recover |",
    "|---|---|---|---|---|---|",
    ...rows.map((row) => `| ${row} |`),
  ].join("\n");
}
