import { delimiter } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { findProgram } from "#platform/media/confinement.ts";

/** What the engines are run by, with the names of their packages. PostgreSQL comes from npm. */
const programs = {
  etcd: { debian: "etcd-server", fedora: "etcd", brew: "etcd" },
  "nats-server": { debian: "nats-server", fedora: "nats-server", brew: "nats-server" },
  "redis-server": { debian: "redis-server", fedora: "redis", brew: "redis" },
  haproxy: { debian: "haproxy", fedora: "haproxy", brew: "haproxy" },
};
/** Where Debian has servers, which is on the PATH of root only. */
const serverFolders = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"];

export type Programs = Record<keyof typeof programs, string>;

/** Where each of them is. Error: CLUSTER_LACKS_PROGRAMS, which says what to install. */
export async function findPrograms(searchPath = ""): Promise<Programs> {
  const where = [searchPath, ...serverFolders].join(delimiter);
  const found = await Promise.all(
    Object.keys(programs).map(async (name) => [name, await findProgram(name, where)] as const),
  );
  const missing = found.filter(([, path]) => !path).map(([name]) => programs[name as keyof Programs]);
  if (missing.length === 0) return Object.fromEntries(found) as Programs;
  const packages = (system: "debian" | "fedora" | "brew") => missing.map((names) => names[system]).join(" ");
  throw refusal("CLUSTER_LACKS_PROGRAMS", {
    missing: found.flatMap(([name, path]) => (path ? [] : [name])).join(", "),
    debian: packages("debian"),
    fedora: packages("fedora"),
    brew: packages("brew"),
  });
}
