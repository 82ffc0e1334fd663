import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { type IssuerKey, issuerKeyIn, isUsable } from "../../keys/issuer-key.ts";
import type { IssuerKeys } from "../../keys/issuer-keys.ts";
import type { Logger } from "../../observe/log.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { KV } from "./gen/etcd_pb.ts";
import { bytesOf } from "./keys.ts";
import { watchPrefix } from "./watched-prefix.ts";

/** Keys that every process of the installation sees as soon as they are published. */
export interface EtcdKeys extends IssuerKeys {
  /** Resolves once the first read is done. */
  ready: Promise<void>;
  stop(): Promise<void>;
}

/** Of an issuer; with a rotation a day there are ninety. */
const maxKnown = 1_000;

/**
 * Keys at `<prefix>keys/<issuer>/<kid>`. Each value is authenticated with the cluster's secret, so that whoever can write
 * in etcd cannot make up tokens. A key that was once known stays known until its time is over, whatever becomes of etcd.
 */
export function etcdKeys(
  etcd: EtcdClient,
  { prefix, secret, log }: { prefix: string; secret: string; log: Logger },
): EtcdKeys {
  const macKey = Buffer.from(hkdfSync("sha256", secret, "", "douya public keys", 32));
  const known = new Map<string, Map<string, IssuerKey>>();
  /** Bad values that were reported, by name. */
  const reported = new Map<string, string>();
  const watched = watchPrefix(etcd, `${prefix}keys/`, { onChange: update, log });

  const macOf = (issuer: string, key: IssuerKey) =>
    createHmac("sha256", macKey)
      .update(JSON.stringify([issuer, key.kid, key.x, key.nbf, key.exp]))
      .digest();
  const sealed = (issuer: string, key: IssuerKey) =>
    JSON.stringify({ jwk: key, mac: macOf(issuer, key).toString("base64url") });

  function keyIn(name: string, value: string): IssuerKey | undefined {
    try {
      const { jwk, mac } = JSON.parse(value) as { jwk?: unknown; mac?: unknown };
      const key = issuerKeyIn(jwk);
      const [issuer, kid] = name.split("/") as [string, string | undefined];
      if (!key || key.kid !== kid || typeof mac !== "string") return undefined;
      const [shown, right] = [Buffer.from(mac, "base64url"), macOf(issuer, key)];
      return shown.length === right.length && timingSafeEqual(shown, right) ? key : undefined;
    } catch {
      return undefined;
    }
  }

  function update(): void {
    for (const name of reported.keys()) if (!watched.entries().has(name)) reported.delete(name);
    for (const [name, value] of watched.entries()) {
      const key = keyIn(name, value);
      if (key) learn(name.split("/", 1)[0]!, key);
      else if (reported.get(name) !== value) {
        reported.set(name, value);
        log.warn({ name }, "a key in etcd is not used: this installation has not published it so");
      }
    }
  }

  function learn(issuer: string, key: IssuerKey): void {
    const keys = known.get(issuer) ?? new Map<string, IssuerKey>();
    for (const [kid, one] of keys) if (!isUsable(one)) keys.delete(kid);
    if (keys.size < maxKnown) keys.set(key.kid, key);
    known.set(issuer, keys);
  }

  return {
    ready: watched.ready,
    known: (issuer) => known.get(issuer)?.values() ?? [],
    async publish(issuer, keys) {
      const entries = watched.entries();
      for (const key of keys) {
        learn(issuer, key);
        const name = `${issuer}/${key.kid}`;
        const value = sealed(issuer, key);
        if (entries.get(name) === value) continue;
        await etcd.call(KV.method.put, { key: bytesOf(`${prefix}keys/${name}`), value: bytesOf(value) });
      }
      for (const [name, value] of [...entries]) {
        const key = name.startsWith(`${issuer}/`) ? keyIn(name, value) : undefined;
        if (key && key.exp * 1000 < Date.now() && !isUsable(key))
          await etcd.call(KV.method.deleteRange, { key: bytesOf(`${prefix}keys/${name}`) });
      }
    },
    stop: watched.stop,
  };
}
