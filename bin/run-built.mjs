#!/usr/bin/env node
// Runs the program as it was built, without looking whether it is up to date: for tests, for the processes of a cluster
// and for container images, whose builder has done that once.

// The first process of a container ignores signals that nobody handles, and it takes a second to load the program.
const signals = ["SIGINT", "SIGTERM"];
const end = () => process.exit(0);
for (const signal of signals) process.once(signal, end);
const { main } = await import("../build/server/main.js");
for (const signal of signals) process.off(signal, end);
await main(process.argv.slice(2));
