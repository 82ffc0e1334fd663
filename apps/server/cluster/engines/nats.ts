import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { answersOk, type Part } from "../part.ts";

interface NatsPorts {
  client: number;
  route: number;
  monitor: number;
}

/** Three servers with JetStream, so that a stream may have three replicas. */
export async function natsParts(program: string, dir: string, ports: NatsPorts[]): Promise<Part[]> {
  const syncs = await canSyncAlways(program);
  const routes = ports.map(({ route }) => `nats-route://127.0.0.1:${route}`).join(", ");
  return Promise.all(
    ports.map(async ({ client, route, monitor }, i) => {
      const name = `nats-${i + 1}`;
      const config = join(dir, `${name}.conf`);
      await writeFile(
        config,
        [
          `server_name: ${name}`,
          `listen: "127.0.0.1:${client}"`,
          `http: "127.0.0.1:${monitor}"`,
          "jetstream {",
          `  store_dir: ${JSON.stringify(join(dir, name))}`,
          "  max_memory_store: 64MB",
          "  max_file_store: 4GB",
          // Acknowledged means on the disk. Older servers sync every two minutes whatever they are told.
          ...(syncs ? ["  sync_interval: always"] : []),
          "}",
          `cluster { name: douya, listen: "127.0.0.1:${route}", routes: [${routes}] }`,
          "",
        ].join("\n"),
      );
      return {
        name,
        role: "nats",
        address: `127.0.0.1:${client}`,
        program,
        args: ["--config", config],
        serves: () => answersOk(`http://127.0.0.1:${monitor}/healthz`),
      };
    }),
  );
}

export function natsUrl(ports: NatsPorts[]): string {
  return ports.map(({ client }) => `nats://127.0.0.1:${client}`).join(",");
}

/** `sync_interval: always` came with 2.10; older servers refuse to start with it. */
async function canSyncAlways(program: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)(program, ["--version"]);
  // nats-server: v2.10.4
  const [major, minor] = stdout.trim().split("v").at(-1)!.split(".").map(Number);
  return major! > 2 || (major === 2 && minor! >= 10);
}
