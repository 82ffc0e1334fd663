import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { freePort, isFree } from "#platform/net/free-port.ts";

/** Below the ports that systems give to outgoing connections, so that nobody gets one of ours between two starts. */
const range = [22_000, 32_000] as const;
const fileName = "ports.json";

/**
 * A free port of 127.0.0.1 for each name, the same ones at every start: etcd's members know each other by theirs. None is
 * `reserved`. Error: CLUSTER_PORT_TAKEN.
 */
export async function choosePorts<Name extends string>(
  dir: string,
  names: readonly Name[],
  reserved: number,
): Promise<Record<Name, number>> {
  const path = join(dir, fileName);
  const kept: Partial<Record<string, number>> = JSON.parse(await readFile(path, "utf8").catch(() => "{}"));
  const ports: Record<string, number> = {};
  for (const name of names) {
    const port = kept[name];
    if (port !== undefined && (port === reserved || !(await isFree(port))))
      throw refusal("CLUSTER_PORT_TAKEN", { port, name, otherwise: "" });
    ports[name] =
      port ?? (await freePort(range, [reserved, ...Object.values(kept), ...Object.values(ports)]));
  }
  await writeFile(path, `${JSON.stringify(ports, undefined, 2)}\n`);
  return ports as Record<Name, number>;
}
