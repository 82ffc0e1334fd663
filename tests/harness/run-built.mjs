// Runs the built program without looking whether it is up to date: the test run has seen to that once.
import { main } from "../../build/server/main.js";

await main(process.argv.slice(2));
