#!/usr/bin/env node
// Installs and builds what is needed, then becomes the program. One process, so that Ctrl-C reaches it.
import { prepare } from "../scripts/prepare.mjs";

await prepare({ web: process.argv[2] === "serve" });
const { main } = await import("../build/server/main.js");
await main(process.argv.slice(2));
