import { headers } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { createCatchUp } from "./catch-up.ts";
import { namesOf } from "./event-stream.ts";
import type { Nats } from "./nats-link.ts";
import { natsScope } from "./nats-scope.ts";

test("a stream is read on from the right message, also after billions", async () => {
  const first = 2 ** 31;
  const startedAt: number[] = [];
  const nats = {
    streams: {
      info: async () => ({ created: "", state: { first_seq: first, last_seq: first + 4 } }),
      /** Ten events each. */
      async getMessage(_stream: string, { seq }: { seq: number }) {
        const n = seq - first;
        if (n < 0 || n > 4) throw new Error(`there is no message ${seq}`);
        const header = headers();
        header.set("Douya-Position", String(n * 10 + 10));
        header.set("Douya-Previous", String(n * 10));
        return { header };
      },
    },
    manager: {
      consumers: {
        async add(_stream: string, { opt_start_seq }: { opt_start_seq: number }) {
          startedAt.push(opt_start_seq);
          return { num_pending: 0 };
        },
      },
    },
    client: { consumers: { getConsumerFromInfo: () => ({ info: async () => ({ num_pending: 0 }) }) } },
    connection: { publish() {} },
  } as unknown as Nats;
  const names = namesOf(natsScope("secret", { unsigned: true }), "origin");
  for (const position of [0, 25, 30, 50]) await createCatchUp(nats, names, () => {}).after(position);
  expect(startedAt).toEqual([first, first + 2, first + 3, first + 5]);
});
