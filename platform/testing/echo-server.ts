import type { Logger } from "#platform/observe/log.ts";
import type { Admission } from "#platform/protect/admission.ts";
import { type GrpcServer, startGrpcServer } from "#platform/rpc/grpc-server.ts";
import type { RpcCredentials } from "#platform/rpc/rpc-credentials.ts";
import type { ServiceTokens } from "#platform/rpc/service-token.ts";
import { echoHandlers, echoService, type ServeSay } from "./echo-service.ts";

/** Serves an echo on loopback to the module "test"; `more` may call other methods than its own. */
export function startEchoServer(
  say: ServeSay,
  options: {
    tokens: ServiceTokens;
    log: Logger;
    port?: number;
    credentials?: RpcCredentials;
    admission?: Admission;
    more?: [module: string, methods: Set<string>][];
  },
): Promise<GrpcServer> {
  const { more = [], port = 0, admission, ...rest } = options;
  const callers = new Map([["test", new Set(["say", "read"])], ...more]);
  return startGrpcServer({
    offers: [{ service: echoService, handlers: echoHandlers(say), callers, admissionOf: () => admission }],
    host: "127.0.0.1",
    port,
    meter: () => (work) => work(),
    ...rest,
  });
}
