import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { profileCaller, profilePath } from "#platform/http/profile-route.ts";
import { maxProfileSeconds } from "#platform/observe/profiler.ts";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { clusterSecret } from "../cluster-secret.ts";
import { type Config, readConfig } from "../config.ts";
import type { Command } from "./command.ts";

/** For the answer, beyond the time of the profile. */
const answerMs = 30_000;

export const profileCommand: Command = {
  summary:
    "what a running process does with its time or memory: profile --target=local|HOST:PORT (its DOUYA_PORT) --cpu or --heap --seconds=30 --to=FILE",
  options: {
    target: { type: "string", default: "local" },
    cpu: { type: "boolean" },
    heap: { type: "boolean" },
    seconds: { type: "string", default: "30" },
    to: { type: "string" },
  },
  async run({ target, cpu, heap, seconds, to }) {
    const config = readConfig();
    if (cpu && heap) throw invalid("Say --cpu or --heap, one at a time.");
    const kind = heap ? "heap" : "cpu";
    const s = Number(seconds);
    if (!Number.isInteger(s) || s < 1 || s > maxProfileSeconds)
      throw invalid(`--seconds=${seconds}: must be a whole number from 1 to ${maxProfileSeconds}.`);
    const file = String(to ?? `douya.${kind}profile`);
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) throw invalid(`${file} is there already. Name another file with --to.`);
    const profile = await fetchProfile(config, addressOf(config, String(target)), kind, s);
    await writeFile(file, profile, { flag: "wx" });
    console.log(
      `${file}: open it in the developer tools of a browser (Performance for cpu, Memory for heap).`,
    );
  },
};

async function fetchProfile(config: Config, origin: string, kind: string, seconds: number): Promise<string> {
  const tokens = createServiceTokens(await secretOf(config));
  const token = await tokens.issue(profileCaller.from, profileCaller.to);
  const response = await fetch(`${origin}${profilePath}?kind=${kind}&seconds=${seconds}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    redirect: "error",
    signal: AbortSignal.timeout(seconds * 1000 + answerMs),
  }).catch((error: Error) => {
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    throw refusal("PROFILE_REFUSED", { origin, what: cause });
  });
  const text = await response.text();
  if (response.ok) return text;
  const what =
    response.status === 404
      ? "it has another secret (DOUYA_CLUSTER_SECRET), or is no Douya of this version"
      : text.slice(0, 500);
  throw refusal("PROFILE_REFUSED", { origin, what });
}

/** That of the installation; a command makes none. */
async function secretOf(config: Config): Promise<string> {
  if (!config.clusterSecret)
    await access(join(config.dataDir, "cluster-secret")).catch(() => {
      throw invalid(
        `There is no cluster-secret in ${config.dataDir}. Set DOUYA_DATA or DOUYA_CLUSTER_SECRET.`,
      );
    });
  return clusterSecret(config);
}

function addressOf({ host, port }: Config, target: string): string {
  const isAny = host === "0.0.0.0" || host === "::";
  const local = `${isAny ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`;
  const address = target === "local" ? local : target;
  if (!/^[\w.-]+:\d{1,5}$|^\[[\da-f:.]+\]:\d{1,5}$/i.test(address))
    throw invalid(`--target=${target}: must be local or HOST:PORT.`);
  return `http://${address}`;
}

function invalid(sentence: string) {
  return refusal("ARGUMENT_INVALID", sentence);
}
