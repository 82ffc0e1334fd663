import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TestContext } from "vitest";
import { stringify } from "yaml";
import { findProgram } from "#platform/testing/find-program.ts";

const run = promisify(execFile);
const rules = fileURLToPath(new URL("../../deploy/observe/alerts.yaml", import.meta.url));

/** Series of half an hour, as promtool writes them: `[name{label="value"}, "values"]`. */
export type Series = [name: string, values: string];

/** Skips a test where there is no promtool; the report of the suite says so. */
export function needsPromtool(context: TestContext): void {
  if (findProgram("promtool")) return;
  context.task.meta.lacks = "promtool";
  context.skip("needs promtool on the PATH");
}

/** The gauge `name` in an answer of /metrics as series in which nothing changes. */
export function lastingSeries(metrics: string, name: string): Series[] {
  return metrics.split("\n").flatMap((line): Series[] => {
    const [, series, value] = /^(\w+(?:\{.*\})?) ([\d.e+-]+)$/.exec(line) ?? [];
    return series?.split("{")[0] === name ? [[series, `${Number(value)}x30`]] : [];
  });
}

/** Runs the alert rules against series; throws with what promtool says unless exactly these alerts fire at the end. */
export async function expectAlerts(cases: { series: Series[]; fires: string[] }[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "douya-promtool-"));
  const file = join(folder, "test.yaml");
  const tests = cases.map(({ series, fires }) => ({
    interval: "1m",
    input_series: series.map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: "30m",
        exp_samples: fires.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
      },
    ],
  }));
  try {
    await writeFile(file, stringify({ rule_files: [rules], evaluation_interval: "1m", tests }));
    await run("promtool", ["test", "rules", file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
