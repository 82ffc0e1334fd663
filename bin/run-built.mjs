#!/usr/bin/env node
// Runs the program as it was built, without looking whether it is up to date: for tests, for the processes of a cluster
// and for container images, whose builder has done that once.

// The first process of a container ignores signals that nobody handles, and it takes a second to load the program. A
// server that has not started has nothing left to do; any other command has not done what it was asked to.
const signals = ["SIGINT", "SIGTERM"];
const end = (_name, number) => process.exit(process.argv[2] === "serve" ? 0 : 128 + number);
for (const signal of signals) process.once(signal, end);
const { main } = await import("../build/server/main.js");
for (const signal of signals) process.off(signal, end);
await main(process.argv.slice(2));
