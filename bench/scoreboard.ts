import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { type Comparison, shown } from "./rounds.ts";

/** A row of the table. */
export interface Row {
  name: string;
  unit: string;
  ours: number;
  ceiling: number | undefined;
  ratio: number | undefined;
  /** As in "≥ 0.60" or "≤ 3 s"; empty: there is none. */
  budget: string;
  met: boolean;
  /** Values that explain the numbers; only in the JSON. */
  detail: object;
}

/** The row of a comparison whose ratio has a budget. */
export function ratioRow(
  name: string,
  unit: string,
  compared: Comparison,
  budget: { atLeast: number } | { atMost: number },
  detail: object = {},
): Row {
  const { ours, ceiling, ratio, rounds } = compared;
  const least = "atLeast" in budget;
  return {
    name,
    unit,
    ours,
    ceiling,
    ratio,
    budget: least ? `≥ ${budget.atLeast}` : `≤ ${budget.atMost}`,
    met: least ? ratio >= budget.atLeast : ratio <= budget.atMost,
    detail: { rounds, ...detail },
  };
}

/** The row of a measurement without a ceiling. */
export function row(
  name: string,
  unit: string,
  ours: number,
  budget: string,
  met: boolean,
  detail: object = {},
): Row {
  return { name, unit, ours, ceiling: undefined, ratio: undefined, budget, met, detail };
}

export function printTable(rows: Row[]): void {
  const cells = [
    ["name", "unit", "ours", "ceiling", "ratio", "budget", "met"],
    ...rows.map((row) => [
      row.name,
      row.unit,
      shown(row.ours),
      row.ceiling === undefined ? "" : shown(row.ceiling),
      row.ratio === undefined ? "" : row.ratio.toFixed(2),
      row.budget,
      row.budget === "" ? "" : row.met ? "yes" : "NO",
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const line = (parts: string[]) => `| ${parts.map((part, i) => part.padEnd(widths[i]!)).join(" | ")} |`;
  const [head, ...body] = cells;
  console.log([line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n"));
}

const loadBefore = loadavg()[0]!;

/** The machine of the measurement, and its other load: above some tenths the numbers contain that too. */
export function machine(): string {
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const cores = `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? arch()}`;
  const load = `load before: ${loadBefore.toFixed(1)}`;
  return `${cores}, ${gibibytes} GiB, ${platform()} ${release()}, Node.js ${process.version}, ${load}`;
}

/** Writes the rows to bench/results; returns the path. */
export async function writeResults(
  rows: Row[],
  { rounds, roundMs }: { rounds: number; roundMs: number },
): Promise<string> {
  const at = new Date().toISOString();
  const path = join("bench", "results", `${at.replaceAll(":", "-")}.json`);
  await mkdir(join("bench", "results"), { recursive: true });
  const result = { at, commit: commit(), machine: machine(), rounds, roundMs, rows };
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
  return path;
}

function commit(): string | undefined {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], {
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  } catch {
    return undefined;
  }
}
