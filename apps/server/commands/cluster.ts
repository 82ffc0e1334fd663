import { resolve } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { type Cluster, settingsFile, startCluster, stopCluster } from "../cluster/cluster.ts";
import { type ClusterProcess, runningProcesses } from "../cluster/cluster-record.ts";
import { readConfig } from "../config.ts";
import type { Command } from "./command.ts";

export const clusterCommand: Command = {
  summary:
    "starts all of it on this machine with all engines and two processes of each module: --data=FOLDER --port=N; ps lists the processes (--json), stop stops them from elsewhere",
  options: {
    data: { type: "string", default: "./data-cluster" },
    port: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
  positionals: true,
  async run({ data, port, json }, [action = "start", ...more]) {
    const dir = resolve(String(data));
    if (!["start", "ps", "stop"].includes(action) || more.length > 0)
      throw refusal("CLUSTER_OPTION_INVALID", {
        what: `Nothing is done for "${[action, ...more].join(" ")}".`,
      });
    if (action === "ps") {
      const processes = runningProcesses(dir);
      const shown = processes.length > 0 ? asTable(processes) : `The cluster in ${dir} is stopped.`;
      console.log(json ? JSON.stringify(processes, undefined, 2) : shown);
      return;
    }
    if (action === "stop") {
      await stopCluster(dir);
      console.log("Stopped. Everything is saved.");
      return;
    }
    await run({ ...readConfig(), ...(port && { port: portOf(String(port)) }) }, dir);
  },
};

function portOf(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw refusal("CLUSTER_OPTION_INVALID", { what: `"${text}" is no port from 1 to 65535.` });
}

function asTable(processes: ClusterProcess[]): string {
  const rows = [
    ["NAME", "ROLE", "PID", "ADDRESS"],
    ...processes.map(({ name, role, pid, address }) => [name, role, String(pid), address]),
  ];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

async function run(config: Parameters<typeof startCluster>[0], dir: string): Promise<void> {
  // Installed before anything starts, so that an early stop is clean too.
  const stopAsked = new Promise<"stop">((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => done("stop"));
  });
  const abort = new AbortController();
  const say = (sentence: string) => console.log(`  ${sentence}`);
  console.log(`\n  Starting a cluster in ${dir} …`);
  const starting = startCluster(config, { dir, say, signal: abort.signal });
  const first = await Promise.race([starting, stopAsked]);
  if (first === "stop") {
    console.log("  Stopping …");
    abort.abort();
    await starting.then(
      (cluster) => cluster.stop(),
      () => {},
    );
  } else {
    console.log(banner(first, dir));
    await stopAsked;
    console.log("  Stopping …");
    await first.stop();
  }
  console.log("  Stopped. Everything is saved.");
}

function banner({ origin, processes }: Cluster, dir: string): string {
  const counts = new Map<string, number>();
  for (const { role } of processes()) counts.set(role, (counts.get(role) ?? 0) + 1);
  const counted = [...counts].map(([role, count]) => (count === 1 ? role : `${count} ${role}`));
  return [
    "",
    `  Douya 豆芽 is ready after ${process.uptime().toFixed(1)} s, as ${processes().length} processes`,
    "",
    `  Open       ${origin}`,
    `  API        ${origin}/api/v1/docs`,
    `  Processes  ${counted.join(", ")}`,
    `  List them  npx douya cluster ps --data ${dir}`,
    `  Examine    DOUYA_CONFIG=${dir}/${settingsFile} npx douya doctor`,
    `  Logs       ${dir}/logs`,
    `  Data       ${dir}`,
    "  Stop       Ctrl-C",
    "",
  ].join("\n");
}
