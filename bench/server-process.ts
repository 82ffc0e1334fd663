import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

/** One process of the built program, as an operator runs it, without the rate limits. */
export interface ServerProcess {
  readonly pid: number;
  port: number;
  rpcPort: number | undefined;
  /** Stops it cleanly, so that it can write its profile; kills it if that takes too long. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  env: Record<string, string>;
  target?: string;
  /** Folder for a CPU profile. */
  profileDir?: string | undefined;
}

const startMs = 60_000;
const stopMs = 20_000;
const runMain = "const { main } = await import(process.argv[1]); await main(process.argv.slice(2));";

/** As in the script `start` of package.json: a seventh of Node's part of a like was garbage collection. */
export const nodeOptions = ["--max-semi-space-size=32"];

/** Starts build/server/main.js and waits until it says that it is ready. */
export async function startServer({
  env,
  target = "all",
  profileDir,
}: ServerOptions): Promise<ServerProcess> {
  const main = pathToFileURL("build/server/main.js").href;
  const profile = profileDir ? ["--cpu-prof", `--cpu-prof-dir=${profileDir}`] : [];
  const child = spawn(
    process.execPath,
    [...nodeOptions, ...profile, "--input-type=module", "-e", runMain, main, "serve", `--target=${target}`],
    {
      env: {
        ...process.env,
        DOUYA_PORT: "0",
        DOUYA_RPC_PORT: "0",
        DOUYA_LIMITS: "off",
        DOUYA_RUNGS: "none",
        DOUYA_LOG_LEVEL: "error",
        ...env,
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const banner = await readUntil(child, /Stop {5}Ctrl-C/).catch(async (error) => {
    await stopProcess(child);
    throw error;
  });
  child.stdout!.resume();
  const rpcPort = /gRPC +port (\d+)/.exec(banner)?.[1];
  return {
    pid: child.pid!,
    port: Number(/http:\/\/[\w.]+:(\d+)/.exec(banner)![1]),
    rpcPort: rpcPort === undefined ? undefined : Number(rpcPort),
    stop: () => stopProcess(child),
  };
}

/** Asks one of our processes to stop, and makes sure that it does. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await exited;
  clearTimeout(timer);
}

async function readUntil(child: ChildProcess, end: RegExp): Promise<string> {
  let text = "";
  const signal = AbortSignal.timeout(startMs);
  const stopped = once(child, "exit", { signal }).then(() => {
    throw new Error(`the server ended before it was ready: ${text}`);
  });
  const printed = new Promise<void>((resolve) => {
    child.stdout!.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      if (end.test(text)) resolve();
    });
  });
  await Promise.race([printed, stopped]);
  stopped.catch(() => {});
  return text;
}

/**
 * CPU time of a process and its children so far, in milliseconds, ended ones included; NaN if the system does not
 * tell it in /proc.
 */
export async function cpuMs(pid: number): Promise<number> {
  const [stat, children] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""),
    readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => ""),
  ]);
  // After the name in brackets; the 12th to 15th are user and system time, its own and of children that have ended,
  // in hundredths of a second.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const own = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) * 10;
  // A child that ends between the two reads is missing in one of them.
  const theirs = await Promise.all(
    children
      .split(" ")
      .filter(Boolean)
      .map((child) => cpuMs(Number(child))),
  );
  return theirs.reduce((sum, ms) => sum + (ms || 0), own);
}

/** Memory of a process, in bytes; undefined if the system does not tell it in /proc. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
