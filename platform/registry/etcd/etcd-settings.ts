import type { Logger } from "../../observe/log.ts";
import {
  type ChangingSettings,
  changingSettings,
  type LiveDeclarations,
} from "../../settings/live-settings.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { watchPrefix } from "./watched-prefix.ts";

/** Settings that were set for all processes at once. */
export interface EtcdSettings extends ChangingSettings {
  /** Resolves once the first read is done. */
  ready: Promise<void>;
  stop(): Promise<void>;
}

/**
 * The values at `<prefix>settings/<name>`, over those that this process was started with. While etcd is away, the last
 * known ones stay.
 */
export function etcdSettings(
  etcd: EtcdClient,
  declared: LiveDeclarations,
  { prefix, log }: { prefix: string; log: Logger },
): EtcdSettings {
  const settings = changingSettings(declared, { log });
  const onChange = () => settings.update(watched.entries());
  const watched = watchPrefix(etcd, `${prefix}settings/`, { onChange, log });
  return { ...settings, ready: watched.ready, stop: watched.stop };
}
