import type { Bench } from "./bench.ts";
import { getRequest } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import type { LoadResult } from "./load/generator.ts";
import { median } from "./rounds.ts";
import { type Row, row } from "./scoreboard.ts";

/** Clients with one request under way each; the server does most with about as many. */
const capacity = 96;
const times = [2, 4, 10];
/** Requests that are never shed while others can be. */
const essentialPerSecond = 50;
/** The controller needs a second to see an overload. */
const leastMs = 4_000;

/**
 * What a server with its limits on still answers when 2, 4 and 10 times as many clients as it has capacity for ask at
 * once, against what it answers at 1 time; and how long who is let in waits. A client that is turned away asks again at
 * once, which none of ours does: the worst that can be. Beside it, some ask for what is essential.
 */
export const overload: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const [caller] = await environment.callers();
  const server = await environment.serve({ profileDir, env: { DOUYA_LIMITS: "on" } });
  const [crowd, watching] = [environment.owns(startGenerator()), environment.owns(startGenerator())];
  const load = {
    port: server.port,
    requests: [getRequest(`/api/v1/users/${caller!.id}`)],
    durationMs: Math.max(roundMs, leastMs),
    mayShed: true,
  };
  const essential = {
    port: server.port,
    requests: [getRequest("/api/v1/feed?limit=10")],
    connections: 16,
    perSecond: essentialPerSecond,
    durationMs: load.durationMs,
    mayShed: true,
  };
  const at = async (factor: number) => {
    const asked = runLoad(crowd, { ...load, connections: capacity * factor });
    const [ofAll, ofEssential] = await Promise.all([asked, runLoad(watching, essential)]);
    const { perSecond, p99Ms, shed } = ofAll;
    console.error(
      `  ${factor}×: ${Math.round(perSecond)}/s, p99 ${Math.round(p99Ms)} ms, shed ${shed}, essential p99 ${Math.round(ofEssential.p99Ms)} ms, shed ${ofEssential.shed}`,
    );
    return { ofAll, ofEssential };
  };

  const measured = new Map<number, { ofAll: LoadResult; ofEssential: LoadResult }[]>();
  for (let round = 0; round <= rounds; round++)
    for (const factor of [1, ...times]) {
      const result = await at(factor);
      if (round > 0) measured.set(factor, [...(measured.get(factor) ?? []), result]);
    }
  await Promise.all([crowd.stop(), watching.stop(), server.stop()]);

  const calm = measured.get(1)!;
  const rows: Row[] = [];
  for (const factor of times) {
    const stormy = measured.get(factor)!;
    const ours = median(stormy.map(({ ofAll }) => ofAll.perSecond));
    const peak = median(calm.map(({ ofAll }) => ofAll.perSecond));
    const ratio = median(stormy.map(({ ofAll }, i) => ofAll.perSecond / calm[i]!.ofAll.perSecond));
    const slower = median(stormy.map(({ ofAll }, i) => ofAll.p99Ms / calm[i]!.ofAll.p99Ms));
    const name = `overload-${factor}x`;
    const unit = "answers/s, everybody who is turned away asks again at once";
    rows.push({
      name,
      unit,
      ours,
      ceiling: peak,
      ratio,
      budget: "≥ 0.85",
      met: ratio >= 0.85,
      detail: stormy,
    });
    const sent = stormy.reduce((sum, { ofEssential }) => sum + ofEssential.sent, 0);
    const answered = (100 * stormy.reduce((sum, { ofEssential }) => sum + ofEssential.succeeded, 0)) / sent;
    rows.push(
      row(`${name}-essential`, "% answered of what is essential", answered, "≥ 99", answered >= 99, stormy),
    );
    rows.push(row(`${name}-p99`, "times the p99 at 1×, of who is let in", slower, "≤ 3", slower <= 3, calm));
  }
  return rows;
};
