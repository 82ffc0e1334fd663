import { expect, onTestFinished, test } from "vitest";
import { Picture } from "#contracts/gen/user_pb.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { perCall } from "#platform/db/database.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { accountStore } from "../account-store.ts";
import { migrations } from "../migrations.ts";
import type { Tables } from "../tables.ts";
import { setPicture } from "./profile.ts";

test("a store of files that does not answer keeps the database from nobody but those who send pictures", async () => {
  const own = await createModuleDatabase<Tables>(
    "user",
    `pictures_${Object.keys(migrations).length}`,
    migrations,
  );
  onTestFinished(own.drop);
  await own.database.pool.query(
    `insert into "user".account (id, username, name_key, name, password_hash)
     select n, 'u' || n, 'u' || n, 'x', 'x' from generate_series(1, 30) n`,
  );
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let [inPlace, looked] = [0, 0];
  const blobs = {
    stagingPath: async () => ({ name: "", path: "" }),
    withFile: async () => {},
    adopt: async () => ({ name: "", sha256: String(++inPlace).padStart(64, "0") }),
    discard: async () => {},
    commit: async () => {},
    async size() {
      looked++;
      await answered;
      return 1;
    },
  } as unknown as BlobStore;
  const store = perCall(own.db, (until) => accountStore(until, own.events));
  const protect = embeddedProtection({ limits: true, metrics: createMetrics() });
  const set = setPicture(store, blobs, {} as Media, own.jobs, protect);
  const callOf = (callerId: string) =>
    ({
      callerId,
      signal: new AbortController().signal,
      deadlineMs: Date.now() + 3_600_000,
    }) as unknown as ServedCall;
  const sent = Array.from({ length: 30 }, (_, i) =>
    set({ picture: Picture.AVATAR, staged: "sent" } as never, callOf(`${i + 1}`)),
  );
  const refused: string[] = [];
  const ends = Promise.all(sent.map((one) => one.catch(({ reason }) => refused.push(reason))));
  try {
    // Who is refused is so while the store does not answer: 2 are at it, 20 wait.
    await expect.poll(() => refused.length).toBe(8);
    expect(await store(callOf("1")).accountById("1")).toMatchObject({ avatar_key: "" });
    expect(looked).toBeLessThanOrEqual(2);
  } finally {
    answer();
    await ends;
  }
  expect(refused).toEqual(Array.from({ length: 8 }, () => "BUSY"));
});
