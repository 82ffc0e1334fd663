import { join } from "node:path";
import { answersOk, type Part } from "../part.ts";

/** Three members: any one may die. `ports` are those for clients and those for each other. */
export function etcdParts(program: string, dir: string, ports: { client: number; peer: number }[]): Part[] {
  const members = ports.map(({ peer }, i) => `etcd-${i + 1}=http://127.0.0.1:${peer}`).join(",");
  return ports.map(({ client, peer }, i) => {
    const name = `etcd-${i + 1}`;
    const [url, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
    return {
      name,
      role: "etcd",
      address: `127.0.0.1:${client}`,
      program,
      args: [
        ...["--name", name, "--data-dir", join(dir, name)],
        ...["--listen-client-urls", url, "--advertise-client-urls", url],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
        ...["--initial-cluster", members, "--initial-cluster-token", "douya"],
        // A laptop on which everything runs at once is slower than a data centre.
        ...["--heartbeat-interval", "200", "--election-timeout", "2000"],
        ...["--auto-compaction-retention", "1", "--logger", "zap", "--log-level", "warn"],
      ],
      serves: () => answersOk(`${url}/health`),
    };
  });
}

export function etcdUrl(ports: { client: number }[]): string {
  return ports.map(({ client }) => `http://127.0.0.1:${client}`).join(",");
}
