import { callsOf, helpers, modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";

export const targetsCommand: Command = {
  summary: "prints the modules, in start order, and which each calls",
  options: {},
  async run() {
    console.log("all");
    for (const { module } of modulesOf("all")) {
      const calls = callsOf(module.name);
      console.log(
        `  ${module.name.padEnd(12)}${calls.length === 0 ? "" : `→ ${calls.join(", ")}`}`.trimEnd(),
      );
    }
    for (const { name, calls } of Object.values(helpers))
      console.log(`${name.padEnd(14)}→ ${Object.keys(calls).join(", ")}`);
  },
};
