import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EngineProcess, startEngine } from "./engine-process.ts";
import { freePorts } from "./free-ports.ts";

/** A nats-server with JetStream for one test; one of several, perhaps. */
interface NatsNode extends EngineProcess {
  readonly url: string;
  /** Kills it, removes its data and starts it again. */
  wipe(): Promise<void>;
}

export interface PrivateNats extends NatsNode {
  nodes: NatsNode[];
  remove(): Promise<void>;
}

/** Starts one nats-server, or a cluster of several. */
export async function startPrivateNats(count: number, config: string): Promise<PrivateNats> {
  const folder = await mkdtemp(join(tmpdir(), "douya-nats-"));
  const ports = await freePorts(3 * count);
  const routes = Array.from({ length: count }, (_, i) => `nats://127.0.0.1:${ports[3 * i + 2]}`);
  const nodes = await Promise.all(
    routes.map((_, i) =>
      startNode(join(folder, `n${i}`), ports.slice(3 * i, 3 * i + 3), count > 1 ? routes : [], config),
    ),
  );
  return {
    ...nodes[0]!,
    url: nodes.map(({ url }) => url).join(","),
    nodes,
    async remove() {
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startNode(folder: string, ports: number[], routes: string[], more: string): Promise<NatsNode> {
  const [port, monitor, route] = ports;
  const name = `n${port}`;
  const cluster = `cluster { name: test, listen: "127.0.0.1:${route}", routes: [${routes.join(", ")}] }`;
  await writeFile(
    `${folder}.conf`,
    `server_name: ${name}
listen: "127.0.0.1:${port}"
http: "127.0.0.1:${monitor}"
jetstream { store_dir: "${folder}" }
${routes.length > 0 ? cluster : ""}
${more}
`,
  );
  const server = await startEngine(
    "nats-server",
    ["-c", `${folder}.conf`],
    // One of several is well only when the others are there.
    async () => (await fetch(`http://127.0.0.1:${monitor}/healthz`)).ok,
  );
  return {
    ...server,
    url: `nats://127.0.0.1:${port}`,
    async wipe() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
      await server.restart();
    },
  };
}
