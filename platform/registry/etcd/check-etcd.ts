import { DomainError } from "../../errors/domain-error.ts";
import { refusal } from "../../errors/reasons.ts";
import { type EngineTls, tlsProblem } from "../../tls/engine-tls.ts";
import { isTooOld } from "./claim-prefix.ts";
import { connectEtcd } from "./etcd-client.ts";
import { KV, Maintenance } from "./gen/etcd_pb.ts";
import { rangeOf } from "./keys.ts";

/** Its version and how fast it answers, to somebody who reads below `prefix`. An error says what to mend. */
export async function checkEtcd(url: string, prefix: string, tls?: EngineTls): Promise<string> {
  try {
    return await look(url, prefix, tls);
  } catch (error) {
    const isAway = error instanceof DomainError && error.reason === "ETCD_UNAVAILABLE";
    const secure = url.includes("https://");
    const other = secure ? url.replaceAll("https://", "http://") : url.replaceAll("http://", "https://");
    if (isAway && (await speaks(other)))
      throw new Error(
        `it speaks ${secure ? "no TLS: write http://" : "TLS: write https://"} in DOUYA_ETCD_URL`,
      );
    const problem = isAway && tlsProblem(error);
    if (problem) throw new Error(problem);
    throw error;
  }
}

async function look(url: string, prefix: string, tls?: EngineTls): Promise<string> {
  const etcd = connectEtcd(url, tls);
  try {
    const startedMs = performance.now();
    const { version, leader, errors } = await etcd.call(Maintenance.method.status, {});
    const tookMs = Math.round(performance.now() - startedMs);
    if (isTooOld(version)) throw refusal("ETCD_TOO_OLD", { version });
    if (leader === 0n) throw new Error("it has no leader: a majority of its members must be up");
    if (errors.length > 0) throw new Error(`it reports: ${errors.join(", ")}`);
    // Who may read is only told by reading.
    await etcd.call(KV.method.range, rangeOf(`${prefix}settings/`));
    return `etcd ${version}, answers in ${tookMs} ms`;
  } finally {
    etcd.close();
  }
}

async function speaks(url: string): Promise<boolean> {
  const etcd = connectEtcd(url);
  return etcd
    .call(Maintenance.method.status, {})
    .then(
      () => true,
      // Somebody who answers, though not to us.
      (error: Error) => tlsProblem(error) !== undefined,
    )
    .finally(etcd.close);
}
