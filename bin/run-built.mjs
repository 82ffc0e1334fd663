#!/usr/bin/env node
// Runs the program as it was built, without looking whether it is up to date: for tests, for the processes of a cluster
// and for container images, whose builder has done that once.
import { main } from "../build/server/main.js";

await main(process.argv.slice(2));
