import type { DescService } from "@bufbuild/protobuf";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Running } from "#platform/module/module.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Metrics } from "#platform/observe/metrics.ts";
import type { Registry } from "#platform/registry/registry.ts";
import { directClient } from "#platform/rpc/direct-link.ts";
import { type GrpcLink, grpcLink } from "#platform/rpc/grpc-link.ts";
import type { RpcCredentials } from "#platform/rpc/rpc-credentials.ts";
import type { Dependency } from "#platform/rpc/service.ts";
import type { ServiceTokens } from "#platform/rpc/service-token.ts";
import { table } from "./targets.ts";

/** The clients through which the modules of this process call others. */
export interface ModuleLinks {
  /** The methods that `from` declares of a service: called directly in this process, else by gRPC. */
  client(from: string, dependency: Dependency): object;
  /** Why `to` cannot be asked by `from` now; undefined if it can. */
  outage(from: string, to: string): DomainError | undefined;
  close(): Promise<void>;
}

/** `running` are the modules of this process; callees are in it before their callers ask. */
export function linkModules(options: {
  running: ReadonlyMap<string, Running<DescService>>;
  registry: Registry;
  tokens: ServiceTokens;
  credentials: RpcCredentials;
  metrics: Metrics;
  log: Logger;
}): ModuleLinks {
  const { running, registry, tokens, credentials, metrics, log } = options;
  const links = new Map<string, GrpcLink>();

  function linkTo(from: string, service: DescService): Record<string, unknown> {
    const name = Object.keys(table).find((other) => table[other]!.module.service === service)!;
    const local = running.get(name);
    if (local) return directClient(service, local.handlers, metrics.rpc, log);
    const link =
      links.get(`${from} ${name}`) ??
      grpcLink({
        from,
        to: name,
        endpoints: registry.endpoints(name),
        tokens,
        credentials,
        meter: metrics.rpc,
        log,
      });
    links.set(`${from} ${name}`, link);
    return link.client(service, table[name]!.module.affinity);
  }

  return {
    client(from, { service, methods }) {
      const all = linkTo(from, service);
      return Object.fromEntries(methods.map((method) => [method, all[method]]));
    },
    outage: (from, to) => links.get(`${from} ${to}`)?.outage(),
    async close() {
      for (const link of links.values()) link.close();
    },
  };
}
