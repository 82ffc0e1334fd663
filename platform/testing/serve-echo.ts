import { createLog } from "#platform/observe/log.ts";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { startEchoServer } from "./echo-server.ts";

/**
 * A separate process for tests: `serve-echo <port> <secret>` serves an echo to the module "test", writes its port,
 * and never answers "hang".
 */
const [port, secret] = process.argv.slice(2) as [string, string];
const say = (request: { text?: string }) =>
  request.text === "hang"
    ? new Promise<never>(() => process.stdout.write("hangs\n"))
    : Promise.resolve(request);
const server = await startEchoServer(say, {
  tokens: createServiceTokens(secret),
  log: createLog("silent"),
  port: Number(port),
});
process.stdout.write(`${server.port}\n`);
