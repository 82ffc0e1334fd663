import { createLog } from "#platform/observe/log.ts";
import { startGrpcServer } from "#platform/rpc/grpc-server.ts";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { echoHandlers, echoService } from "./echo-service.ts";

/**
 * A separate process for tests: `serve-echo <port> <secret>` serves an echo to the module "test", writes its port,
 * and never answers "hang".
 */
const [port, secret] = process.argv.slice(2) as [string, string];
const say = (request: { text?: string }) =>
  request.text === "hang"
    ? new Promise<never>(() => process.stdout.write("hangs\n"))
    : Promise.resolve(request);
const server = await startGrpcServer({
  offers: [
    { service: echoService, handlers: echoHandlers(say), callers: new Map([["test", new Set(["say"])]]) },
  ],
  host: "127.0.0.1",
  port: Number(port),
  tokens: createServiceTokens(secret),
  meter: () => (work) => work(),
  log: createLog("silent"),
});
process.stdout.write(`${server.port}\n`);
