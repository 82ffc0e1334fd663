import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { EngineTls } from "../../tls/engine-tls.ts";
import { natsAddress } from "./nats-address.ts";
import { sentenceOf } from "./nats-link.ts";
import { whyUnusable } from "./unusable.ts";

const timeoutMs = 3_000;

/** Its version, how fast it answers, and how it keeps events. An error says what to mend. */
export async function checkNats(url: string, tls?: EngineTls): Promise<string> {
  const options = natsAddress(url, tls);
  const connection = await connect({
    ...options,
    name: "douya doctor",
    timeout: timeoutMs,
    reconnect: false,
  }).catch((error) => {
    throw new Error(sentenceOf(error, options));
  });
  try {
    const { version, cluster } = connection.info!;
    const unusable = whyUnusable(version);
    if (unusable) throw new Error(unusable);
    const startedMs = performance.now();
    const manager = await jetstreamManager(connection, { timeout: timeoutMs }).catch((error) => {
      throw new Error(sentenceOf(error, options));
    });
    const tookMs = Math.round(performance.now() - startedMs);
    const servers = new Set([...(connection.info!.connect_urls ?? []), connection.getServer()]).size;
    const thin: string[] = [];
    let streams = 0;
    for await (const { config } of manager.streams.list("douya.>")) {
      streams++;
      if (cluster && servers >= 3 && config.num_replicas < 3) thin.push(config.name);
    }
    if (thin.length > 0)
      throw new Error(
        `events are kept on one server of ${servers} only: run for each of these: nats stream edit --replicas=3 ${thin.join(" ")}`,
      );
    const found = `nats-server ${version}, answers in ${tookMs} ms, JetStream is on, ${streams} streams of events`;
    return `${found}${cluster ? ` on ${servers} servers` : ""}${syncAdvice(version)}`;
  } finally {
    await connection.close();
  }
}

/** Whether a server acknowledges before what it has is on the disk, only its configuration says. */
function syncAdvice(version: string): string {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || minor >= 10) return "; its jetstream block should say: sync_interval: always";
  return "; before 2.10 it writes to the disk every 2 minutes: a power cut loses what is newer, which is then copied again from the database";
}
