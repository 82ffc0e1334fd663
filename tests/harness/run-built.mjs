// Runs the built program without checking that it is up to date: the test run has done that once.
import { main } from "../../build/server/main.js";

await main(process.argv.slice(2));
