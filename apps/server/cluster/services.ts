import { builtProgram } from "../paths.ts";
import { modulesOf } from "../targets.ts";
import { answersOk, type Part } from "./part.ts";

/** Modules are small beside the machine that runs all of them twice. */
const nodeArgs = ["--max-old-space-size=384", "--max-semi-space-size=16", builtProgram];
const instances = 2;

/** Our own processes by name: two of each module, `user-1` and `user-2`. */
export const serviceNames: readonly string[] = modulesOf("all").flatMap(({ module }) =>
  Array.from({ length: instances }, (_, i) => `${module.name}-${i + 1}`),
);

/**
 * One process of a module. `shared` are the settings that all of them have: this is the one place where a process of a
 * cluster gets its settings.
 */
export function servicePart(
  name: string,
  ports: { http: number; rpc: number },
  shared: Record<string, string>,
): Part {
  const module = name.slice(0, name.lastIndexOf("-"));
  const health = `http://127.0.0.1:${ports.http}/readyz`;
  return {
    name,
    role: module,
    address: `127.0.0.1:${module === "gateway" ? ports.http : ports.rpc}`,
    health,
    program: process.execPath,
    args: [...nodeArgs, "serve", `--target=${module}`],
    settings: {
      ...shared,
      DOUYA_HOST: "127.0.0.1",
      DOUYA_PORT: String(ports.http),
      DOUYA_RPC_HOST: "127.0.0.1",
      DOUYA_RPC_PORT: String(ports.rpc),
      DOUYA_RPC_ADDRESS: "",
      DOUYA_SERVICES: "",
      DOUYA_TRUST_PROXY: "1",
    },
    serves: () => answersOk(health),
  };
}
