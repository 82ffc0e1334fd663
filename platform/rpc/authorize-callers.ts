import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import { nowAndThen } from "../observe/now-and-then.ts";
import type { ServiceTokens } from "./service-token.ts";
import { toStatus } from "./status.ts";

/** Of what a stranger may write into the log. */
const maxPath = 200;
const maxMessage = 600;

/**
 * Accepts callers with the cluster's secret that may call the method, by the headers of a call: nothing of other
 * calls is read, kept or decoded. `callers` are the modules that may call the method at a path.
 */
export function authorizeCallers(options: {
  tokens: ServiceTokens;
  callers: ReadonlyMap<string, ReadonlySet<string>>;
  log: Logger;
}): ServerInterceptor {
  const { tokens, callers, log } = options;
  const maySay = nowAndThen();

  async function check(path: string, headers: Metadata): Promise<void> {
    const [, service = "", method = ""] = path.split("/");
    const module = await tokens.verify(headers.get("authorization")[0]?.toString() ?? "", service);
    const allowed = callers.get(path);
    if (!allowed) throw refusal("SERVICE_VERSION_DIFFERS", { service, method });
    if (!allowed.has(module)) throw refusal("SERVICE_NOT_ALLOWED", { module, rpc: method });
  }

  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(headers, goOn) {
            check(path, headers).then(
              () => goOn(headers),
              (error: DomainError) => {
                const peer = addressIn(call.getPeer());
                if (maySay(`${error.reason} ${peer}`))
                  log.warn(
                    { rpc: path.slice(0, maxPath), reason: error.reason, peer },
                    error.message.slice(0, maxMessage),
                  );
                call.sendStatus(toStatus(error));
              },
            );
          },
        }),
    });
}

/** Without the port, which is another one with each connection. */
function addressIn(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(":"));
}
