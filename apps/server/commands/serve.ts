import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
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
  async run({ target }) {
    keepRequestsYoung();
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
    await stopAsked;
    console.log("  Stopping …");
    await server.stop();
    // An engine that is silent while a connection to it is encrypted keeps the socket, and so the process, for ever.
    setTimeout(() => process.exit(), lingerMs).unref();
    console.log("  Stopped. Everything is saved.");
  },
};

/**
 * Once many objects from one place in the code have survived a collection or two, V8 allocates all objects from there
 * in the old generation, where only a full collection frees them. One busy moment is enough to trigger this; then
 * objects that live as long as a request cause a full collection every two seconds, with a stall of 10 to 20 ms. A V8
 * that does not know the flag reports it and continues.
 */
function keepRequestsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}

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
