import { afterAll, beforeAll, expect, test } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import { pictureUses } from "./picture-store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("user", `pictures_${Object.keys(migrations).length}`, migrations);
});
afterAll(() => own.drop());

test("pictures are listed to the last one, however many people have the same", async () => {
  await own.database.pool.query(
    `insert into "user".account (id, username, name_key, name, password_hash, avatar_key, background_key)
     select n, 'u' || n, 'u' || n, 'x', 'x',
       case when n < 20 then 'cover/a' else 'cover/c' end, case when n < 20 then 'cover/b' else 'cover/d' end
     from generate_series(1, 20) n`,
  );
  const listed = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page = await pictureUses.list(own.db, after, 3);
    listed.push(...page.map(({ key, usedBy }) => [key, usedBy]));
    after = page.length < 3 ? undefined : page.at(-1)!.key;
  }
  expect(listed).toEqual([
    ["cover/a", "the account 1"],
    ["cover/b", "the account 1"],
    ["cover/c", "the account 20"],
    ["cover/d", "the account 20"],
  ]);
});
