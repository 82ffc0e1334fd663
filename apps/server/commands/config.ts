import { describeConfig, unknownSettings } from "../config.ts";
import type { Command } from "./command.ts";

export const configCommand: Command = {
  summary: "lists every setting with its value, default and meaning",
  options: {},
  async run() {
    console.log("Settings come from the environment, below it from the file douya.env (or DOUYA_CONFIG).\n");
    for (const { name, value, source, fallback, meaning, problem } of describeConfig()) {
      console.log(
        `${name}=${value}${source === "default" ? "" : `   (${source}; default: ${fallback || "empty"})`}`,
      );
      console.log(`    ${meaning}`);
      if (problem) {
        console.log(`    MEND: ${problem}.`);
        process.exitCode = 1;
      }
    }
    for (const sentence of unknownSettings()) {
      console.log(`\nMEND: ${sentence}`);
      process.exitCode = 1;
    }
  },
};
