import { refusal } from "../../errors/reasons.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { Compare_CompareTarget as CompareTarget, KV, Maintenance } from "./gen/etcd_pb.ts";
import { bytesOf, textOf } from "./keys.ts";

/**
 * Takes the keys below `prefix` for the installation `id`, unless another one has them: two that share them would call
 * each other's processes. Errors: ETCD_PREFIX_TAKEN, ETCD_TOO_OLD, ETCD_REFUSED, ETCD_UNAVAILABLE.
 */
export async function claimPrefix(etcd: EtcdClient, prefix: string, id: string): Promise<void> {
  const { version } = await etcd.call(Maintenance.method.status, {});
  if (isTooOld(version)) throw refusal("ETCD_TOO_OLD", { version });
  const key = bytesOf(`${prefix}installation`);
  const { succeeded, responses } = await etcd.call(KV.method.txn, {
    compare: [{ key, target: CompareTarget.VERSION, targetUnion: { case: "version", value: 0n } }],
    success: [{ request: { case: "requestPut", value: { key, value: bytesOf(id) } } }],
    failure: [{ request: { case: "requestRange", value: { key } } }],
  });
  if (succeeded) return;
  const found = responses[0]!.response;
  const owner = found.case === "responseRange" ? found.value.kvs[0] : undefined;
  if (owner && textOf(owner.value) !== id) throw refusal("ETCD_PREFIX_TAKEN", { prefix });
}

/** Before 3.4, a watch could not be asked whether it lives. */
export function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 3 || (major === 3 && minor < 4);
}
