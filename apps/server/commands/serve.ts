import { once } from "node:events";
import { createLog } from "#platform/observe/log.ts";
import { readConfig, unknownSettings } from "../config.ts";
import { serve } from "../serve.ts";
import { serveMedia } from "../serve-media.ts";
import type { Command } from "./command.ts";

/** For what is still being written, as a last line of the log. */
const lingerMs = 1_000;

export const serveCommand: Command = {
  summary:
    "starts the server: --target=all (default), or some modules, as in --target=video,feed; --target=media: a worker that makes the files of videos",
  options: { target: { type: "string", default: "all" } },
  async run({ target }, _positionals, started) {
    const config = readConfig();
    const log = createLog(config.logLevel);
    for (const sentence of unknownSettings()) log.warn(sentence);
    // Installed before anything starts, so that an early stop is clean too.
    const stopping = new AbortController();
    const stopAsked = once(stopping.signal, "abort");
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => stopping.abort(new Error("stopped while it was starting")));
    const starting =
      target === "media"
        ? serveMedia(config, log, stopping.signal)
        : serve(config, String(target), log, stopping.signal);
    const server = await starting.catch((error) => {
      if (error !== stopping.signal.reason) throw error;
      console.log("  Stopped before it was ready. Nothing is left half done.");
      return undefined;
    });
    if (!server) return;
    console.log(banner(server.address, server.rpcPort, server.modules, config.dataDir));
    started();
    await stopAsked;
    console.log("  Stopping …");
    await server.stop();
    // An engine that is silent while a connection to it is encrypted keeps the socket, and so the process, for ever.
    setTimeout(() => process.exit(), lingerMs).unref();
    console.log("  Stopped. Everything is saved.");
  },
};

function banner(address: string, rpcPort: number | undefined, modules: string[], dataDir: string): string {
  const shown = address.replace("0.0.0.0", "localhost").replace("[::]", "localhost");
  const lines = [
    "",
    `  Douya 豆芽 is ready after ${process.uptime().toFixed(1)} s`,
    "",
    ...(modules.includes("gateway")
      ? [`  Open     ${shown}`, `  API      ${shown}/api/v1/docs`]
      : [`  Modules  ${modules.join(", ")}`, `  Health   ${shown}/readyz`]),
    ...(rpcPort === undefined ? [] : [`  gRPC     port ${rpcPort}`]),
    `  Data     ${dataDir}`,
    "  Stop     Ctrl-C",
    "",
  ];
  return lines.join("\n");
}
