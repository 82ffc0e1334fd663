import { afterAll, beforeAll, expect, test } from "vitest";
import type { OwnRecord } from "#platform/export/own-data.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import { ownData } from "./own-data-store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "own_data", migrations);
});
afterAll(() => own.drop());

async function all(limit: number): Promise<OwnRecord[]> {
  const { page } = ownData.files.messages!;
  const records: OwnRecord[] = [];
  for (let after: string | undefined; ; ) {
    const next = await page(own.db, "5", after, limit);
    records.push(...next);
    after = next.at(-1)?.key;
    if (after === undefined) return records;
  }
}

test("pages of any size tell each message once, and none of conversations that are others'", async () => {
  const pairs = [
    [2, 5],
    [5, 9],
    [2, 9],
  ];
  await own.database.pool.query(
    `insert into message.conversation (user_id, peer_id, last_id, unread, read_id, to_stranger, answered)
     select u, p, 1, 0, 0, 0, true from unnest($1::int8[], $2::int8[]) as c(u, p)`,
    [pairs.flat(), pairs.flatMap(([low, high]) => [high, low])],
  );
  await own.database.pool.query(`
    insert into message.group_chat (id, name) values (7, 'Old'), (8, 'Not theirs');
    insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen)
      values (7, 5, 1, 1010, 0, 0, 0), (8, 9, 1, 0, 0, 0, 0);
    insert into message.message (low_id, high_id, id, sender_id, content)
      select low, high, 1000 + n * 10 + place, sender, 'text'
      from (values (2, 5, 2, 1), (5, 9, 5, 2), (2, 9, 2, 3), (0, 7, 9, 4), (0, 8, 9, 5)) c(low, high, sender, place),
        generate_series(1, 7) n;
    insert into message.hidden (user_id, low_id, high_id, message_id) values (5, 2, 5, 1021)`);
  const whole = await all(100);
  const ids = (place: number, from: number) =>
    Array.from({ length: 8 - from }, (_, i) => String(1000 + (i + from) * 10 + place));
  const shown = [...ids(1, 1).filter((id) => id !== "1021"), ...ids(4, 1), ...ids(2, 1)];
  expect(whole.map(({ fields }) => fields.id)).toEqual(shown);
  for (const limit of [1, 2, 7]) expect(await all(limit)).toEqual(whole);
});
