import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { KV } from "#platform/registry/etcd/gen/etcd_pb.ts";
import { rangeOf } from "#platform/registry/etcd/keys.ts";
import type { Person } from "./scenario.ts";

export type Ask = (me: Person, other: Person) => Promise<{ status: number; text: string }>;

/** Everybody asks without a pause until told to stop; tells how many were answered, and what was not. */
export function steadyLoad(people: readonly Person[], asks: readonly Ask[]) {
  const refused: string[] = [];
  let answered = 0;
  let stopped = false;
  const asking = people.map(async (me, i) => {
    const other = people[(i + 1) % people.length]!;
    for (let n = i; !stopped; n++) {
      const { status, text } = await asks[n % asks.length]!(me, other).catch((error) => ({
        status: 0,
        text: String(error),
      }));
      if (status >= 200 && status < 300) answered++;
      else refused.push(`${n % asks.length}: ${status} ${text}`);
    }
  });
  return {
    answered: () => answered,
    async stop(): Promise<string[]> {
      stopped = true;
      await Promise.all(asking);
      return refused;
    },
  };
}

/** How many processes of a module etcd knows. */
export async function instancesIn(etcdUrl: string, module: string): Promise<number> {
  const client = connectEtcd(etcdUrl);
  const { kvs } = await client.call(KV.method.range, rangeOf(`/douya/services/${module}/`));
  client.close();
  return kvs.length;
}
