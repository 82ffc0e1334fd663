import type { IssuerKey } from "./issuer-key.ts";

/** The public keys of services that issue tokens, as far as this process knows them without asking the service. */
export interface IssuerKeys {
  /** Makes `keys` known to whoever verifies. To be called again now and then: what was lost is published again. */
  publish(issuer: string, keys: readonly IssuerKey[]): Promise<void>;
  /** Also those that cannot be used now. */
  known(issuer: string): Iterable<IssuerKey>;
}

/** Known in this process; other processes have to ask the service. */
export function localIssuerKeys(): IssuerKeys {
  const published = new Map<string, readonly IssuerKey[]>();
  return {
    async publish(issuer, keys) {
      published.set(issuer, keys);
    },
    known: (issuer) => published.get(issuer) ?? [],
  };
}
