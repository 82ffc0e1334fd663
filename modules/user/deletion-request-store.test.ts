import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { accountRefused, accountRemoved } from "#contracts/events.ts";
import type { UserId } from "#contracts/ids.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { accountStore } from "./account-store.ts";
import { consumeDeletionOutcomes } from "./consumers.ts";
import { deletionRequestStore } from "./deletion-request-store.ts";
import { migrations } from "./migrations.ts";
import { removePicture, removePictureKind } from "./picture-store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const eve = "500" as UserId;
const proven = { id: eve, password_hash: "hash", session_epoch: 0 };
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("user", `closing_${Object.keys(migrations).length}`, migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(`truncate "user".account, "user".session, "user".job, events.log`);
  await own.database.pool.query(
    `insert into "user".account (id, username, name_key, name, password_hash, signature, avatar_key, background_key)
     values (500, 'Eve', 'eve', 'Eve', 'hash', 'hi', 'picture/shared', 'picture/own'),
       (501, 'Ben', 'ben', 'Ben', 'hash', '', 'picture/shared', '')`,
  );
});

const deletionRequests = () => deletionRequestStore(own.db, own.events);
const accountOf = async () =>
  (await own.database.pool.query(`select * from "user".account where id = 500`)).rows[0];
const told = async () =>
  (
    await own.database.pool.query("select type from events.log where type like 'user.%' order by position")
  ).rows.map(({ type }) => type);

/** Applies answers of other modules to requests, in this order. */
async function answer(...answers: ["refused" | "removed", string][]): Promise<void> {
  const consumer = consumeDeletionOutcomes(own.events, deletionRequests(), own.jobs);
  for (const [what, closingId] of answers)
    await own.events.transaction(own.db, async (_transaction, emit) =>
      what === "removed"
        ? emit(accountRemoved, { userId: eve, closingId })
        : emit(accountRefused, { userId: eve, closingId, reason: "VIDEO_HELD" }),
    );
  await consumer.settled();
  await consumer.stop();
}

/** Runs the jobs that remove pictures; returns what was removed. Each removal is interrupted once, after the file is gone. */
async function removedPictures(): Promise<Set<string>> {
  const removed = new Set<string>();
  const remove = async (key: string) => {
    if (removed.has(key)) return;
    removed.add(key);
    throw new Error("interrupted");
  };
  const kinds = { [removePictureKind]: removePicture(own.db, { remove }) };
  const workers = own.jobs.work({ kinds, concurrency: 1, pauseMs: 1 });
  await expect.poll(() => own.db.selectFrom("job").selectAll().execute()).toEqual([]);
  await workers.stop();
  return removed;
}

test("an erased account leaves only an id, once, and its pictures go unless somebody else has them", async () => {
  await deletionRequests().close(proven, "7");
  await expect(deletionRequests().close(proven, "8")).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  await answer(["removed", "7"], ["removed", "7"], ["refused", "7"]);
  expect(await removedPictures()).toEqual(new Set(["picture/own"]));
  expect(await accountOf()).toMatchObject({
    state: "erased",
    username: "",
    name_key: null,
    name: "",
    signature: "",
    password_hash: "",
    avatar_key: "",
    background_key: "",
    closing_id: null,
    closing_refused: "",
  });
  expect(await told()).toEqual(["user.account_closing.v1", "user.account_erased.v1"]);
  const store = accountStore(own.db, own.events);
  expect(await store.accountsById([eve, "501"])).toHaveLength(1);
  await expect(store.updateProfile(eve, { name: "Eve" })).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  await expect(store.setPassword(proven, "hash", undefined)).rejects.toMatchObject({
    reason: "SESSION_ENDED",
  });
  const picture = { column: "avatar_key" as const, key: "picture/new", isThere: async () => true };
  await expect(store.setPicture(eve, picture, own.jobs)).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("a picture that was replaced is removed unless somebody has it", async () => {
  const store = accountStore(own.db, own.events);
  const set = (column: "avatar_key" | "background_key", key: string) =>
    store.setPicture(eve, { column, key, isThere: async () => true }, own.jobs);
  await set("avatar_key", "picture/new");
  expect(await removedPictures()).toEqual(new Set());
  await set("background_key", "picture/new");
  await set("avatar_key", "");
  expect(await removedPictures()).toEqual(new Set(["picture/own"]));
  await set("background_key", "picture/new");
  await set("background_key", "");
  expect(await removedPictures()).toEqual(new Set(["picture/new"]));
});

test("a picture is looked for while nobody may remove it and its account is not held; one that is gone is not set", async () => {
  const store = accountStore(own.db, own.events);
  const set = (isThere: () => Promise<boolean>) =>
    store.setPicture(eve, { column: "avatar_key", key: "picture/new", isThere }, own.jobs);
  await expect(set(async () => false)).rejects.toMatchObject({ reason: "BUSY" });
  expect(await accountOf()).toMatchObject({ avatar_key: "picture/shared" });
  await set(async () => {
    const { rows } = await own.database.pool.query(
      "select pg_try_advisory_lock(hashtextextended('picture/new', 0)) as free from \"user\".account where id = $1 for update nowait",
      [eve],
    );
    expect(rows).toEqual([{ free: false }]);
    return true;
  });
  expect(await accountOf()).toMatchObject({ avatar_key: "picture/new" });
});

test("a refused account is as before, and an answer to an earlier request does nothing", async () => {
  await deletionRequests().close(proven, "7");
  await answer(["refused", "7"]);
  expect(await accountOf()).toMatchObject({ state: "open", closing_refused: "VIDEO_HELD", username: "Eve" });
  await deletionRequests().close(proven, "8");
  expect(await accountOf()).toMatchObject({ state: "closing", closing_refused: "" });
  await answer(["refused", "7"], ["removed", "7"]);
  expect(await accountOf()).toMatchObject({ state: "closing", username: "Eve" });
  expect(await told()).toEqual([
    "user.account_closing.v1",
    "user.account_reopened.v1",
    "user.account_closing.v1",
  ]);
});
