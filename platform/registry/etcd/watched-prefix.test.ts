import { create } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../../observe/log.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { type WatchResponse, WatchResponseSchema } from "./gen/etcd_pb.ts";
import { bytesOf } from "./keys.ts";
import { watchPrefix } from "./watched-prefix.ts";

/** What a test makes a watch tell, and from which revision on it was asked to. */
interface Watching {
  from: bigint;
  answer(of: { revision: bigint; created?: boolean; puts?: bigint[] }): void;
  breakOff(): void;
}

interface Listener {
  answer(of: WatchResponse): void;
  end(error: Error): void;
}
interface Sent {
  requestUnion: { case: string; value: { startRevision: bigint } };
}

/** An etcd that has nothing, and is at revision 100. */
function watched() {
  const watches: Watching[] = [];
  let reads = 0;
  const etcd = {
    async call() {
      reads++;
      return { kvs: [], header: { revision: 100n } };
    },
    stream(_method: unknown, { answer, end }: Listener) {
      return {
        send({ requestUnion: { case: kind, value } }: Sent) {
          if (kind !== "createRequest") return;
          watches.push({
            from: value.startRevision,
            answer: ({ revision, created = false, puts = [] }) =>
              answer(
                create(WatchResponseSchema, {
                  header: { revision },
                  created,
                  events: puts.map((modRevision) => ({
                    kv: { key: bytesOf(`/a/${modRevision}`), modRevision },
                  })),
                }),
              ),
            breakOff: () => end(new Error("it broke off")),
          });
        },
        end() {},
      };
    },
  } as unknown as EtcdClient;
  const prefix = watchPrefix(etcd, "/a/", { log: createLog("silent") });
  onTestFinished(prefix.stop);
  return {
    reads: () => reads,
    names: () => [...prefix.entries().keys()],
    async nth(n: number): Promise<Watching> {
      await expect.poll(() => watches.length).toBe(n);
      return watches[n - 1]!;
    },
  };
}

test("a watch that breaks off before its backlog has come goes on where that begins, or was left", async () => {
  const { nth, names, reads } = watched();
  const first = await nth(1);
  expect(first.from).toBe(101n);
  first.answer({ created: true, revision: 150n });
  first.breakOff();
  const second = await nth(2);
  expect(second.from).toBe(101n);
  second.answer({ created: true, revision: 150n });
  second.answer({ revision: 150n, puts: [110n, 120n] });
  second.breakOff();
  const third = await nth(3);
  expect(third.from).toBe(121n);
  // Nothing is to come.
  third.answer({ revision: 160n });
  third.breakOff();
  expect((await nth(4)).from).toBe(161n);
  expect(names()).toEqual(["110", "120"]);
  expect(reads()).toBe(1);
});

test("after etcd has gone back everything is read, whatever the ended watch still tells", async () => {
  const { nth, reads, names } = watched();
  const first = await nth(1);
  first.answer({ revision: 90n });
  first.answer({ revision: 200n, puts: [200n] });
  expect((await nth(2)).from).toBe(101n);
  expect(reads()).toBe(2);
  expect(names()).toEqual([]);
});
