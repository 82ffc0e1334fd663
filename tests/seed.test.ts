import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { startProgram } from "./harness/program.ts";

let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-seed-"));
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => ends(0, args);
async function ends(expected: number, args: string[]): Promise<string> {
  const program = startProgram(args, { DOUYA_DATA: folder, DOUYA_DATABASE_URL: database.url });
  const { code } = await program.ended;
  expect(code, program.output()).toBe(expected);
  return program.answer();
}

test("seed fills in a demonstration and a synthetic dataset whose counts are right, and may be run again", async () => {
  const size = ["--users=50", "--follows=500", "--videos=40"];
  expect(await run("seed", ...size)).toMatch(/Log in as lin, maya, tofu, jonas, password [\w-]+/);
  expect(await run("seed", ...size)).toContain("are there already");
  await run("doctor", "--recount");

  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query(`
    select (select count(*)::int from relation.follow f join "user".account a on a.id = f.follower_id
             where a.username in ('lin', 'maya', 'tofu', 'jonas')) as follows,
      (select count(*)::int from interaction.video where likes > 0 and comments > 0) as spoken_of,
      (select count(*)::int from interaction.comment where root_id is not null) as replies,
      (select count(*)::int from interaction.video where pinned_id is not null) as pinned,
      (select count(distinct (low_id, high_id))::int from message.message) as conversations,
      (select sum(unread)::int from message.person) as unread`);
  await client.end();
  expect(rows[0]).toEqual({ follows: 11, spoken_of: 6, replies: 8, pinned: 3, conversations: 5, unread: 6 });
});

test("who was there before is not promised the new password, and what is missing by that is told", async () => {
  // As after one that was ended while it registered people.
  await queryOnce(
    database.url,
    `update "user".account set username = 'x', name_key = 'x' where username = 'lin'`,
  );
  const said = await ends(1, ["seed", "--password=another one"]);
  expect(said).toMatch(/^Log in as lin, password another one$/m);
  expect(said).toMatch(/^maya, tofu, jonas were there before/m);
});
