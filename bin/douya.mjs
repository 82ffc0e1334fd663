#!/usr/bin/env node
// Installs and builds what is needed, then becomes the program. One process, so that Ctrl-C reaches it.
import { prepare } from "../scripts/prepare.mjs";

const command = process.argv[2];
if (["start", "cluster"].includes(process.env.npm_lifecycle_event)) {
  // npm runs us in a shell, and passes a SIGTERM to that, which ends without telling us.
  const shell = process.ppid;
  setInterval(() => process.ppid !== shell && process.kill(process.pid, "SIGTERM"), 500).unref();
}
await prepare({ web: command === "serve" || command === "cluster" });
const { main } = await import("../build/server/main.js");
await main(process.argv.slice(2));
