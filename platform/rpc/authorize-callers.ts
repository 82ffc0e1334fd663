import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import type { ServiceTokens } from "./service-token.ts";
import { toStatus } from "./status.ts";

/**
 * Accepts callers with the cluster's secret that may call the method, by the headers of a call: nothing of other
 * calls is read, kept or decoded. `mayCall` tells whether a module may call the method at a path.
 */
export function authorizeCallers(options: {
  tokens: ServiceTokens;
  mayCall(module: string, path: string): boolean;
  log: Logger;
}): ServerInterceptor {
  const { tokens, mayCall, log } = options;

  async function check(path: string, headers: Metadata): Promise<void> {
    const module = await tokens.verify(headers.get("authorization")[0]?.toString() ?? "");
    if (!mayCall(module, path))
      throw refusal("SERVICE_NOT_ALLOWED", { module, rpc: path.split("/").at(-1)! });
  }

  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(headers, goOn) {
            check(path, headers).then(
              () => goOn(headers),
              (error: DomainError) => {
                log.warn({ rpc: path }, error.message);
                call.sendStatus(toStatus(error));
              },
            );
          },
        }),
    });
}
