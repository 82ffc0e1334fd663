import { afterEach, beforeEach, expect, test } from "vitest";
import type { VideoId } from "#contracts/ids.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { lacking, mediaCommand } from "./backfill.ts";
import { blobUseStore } from "./blob-use-store.ts";
import { type LadderStore, ladderStore } from "./ladder-store.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";

const id = "7" as VideoId;
const rungKey = "video/rung.mp4";
let own: ModuleDatabase<Tables>;
let ladders: LadderStore;
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("video", "ladders", migrations);
  ladders = ladderStore(own.db, own.events, "auto");
  await own.db
    .insertInto("video")
    .values({
      ...{ id, author_id: "1", upload_id: "6", title: "", state: "published", source_key: "source/a.bin" },
      ...{ duration_ms: 1000, width: 720, height: 1280, size_bytes: 10, info: "{}", ladder: "waiting" },
    })
    .execute();
});
afterEach(() => own.drop());

const job = { key: id, traceId: "", finish: async () => {} };
const rung = {
  ...{ shortSide: 360, key: rungKey, sizeBytes: 9, width: 360, height: 640, codecs: "avc1" },
  ...{ fps: { num: 30, den: 1 }, initBytes: 1, fragments: [{ bytes: 8, durationUs: 1_000_000 }] },
};
const finish = (rungs: (typeof rung)[], as: Pick<Job, "finish" | "traceId"> = job) => {
  const made = { kind: "rungs", rungs, wanted: rungs.length, loudness: null, storyboard: null } as const;
  return ladders.finishLadder(id, made, as, own.jobs);
};
const video = () =>
  own.db.selectFrom("video").select(["ladder", "renditions"]).where("id", "=", id).executeTakeFirstOrThrow();
const rungs = () => own.db.selectFrom("rendition").select("key").execute();

test("rungs whose files were released meanwhile are not shown", async () => {
  const { claimBlob } = blobUseStore(own.db);
  await claimBlob(rungKey, id);
  const untilMs = Date.now();
  await own.db
    .updateTable("video")
    .set({ replaced: JSON.stringify([{ key: rungKey, untilMs }]) })
    .execute();
  await ladders.releaseReplaced({ key: `${id} ${untilMs}`, finish: job.finish }, own.jobs);
  await expect(finish([rung])).rejects.toMatchObject({ reason: "BUSY" });
  expect(await video()).toMatchObject({ ladder: "waiting" });
  await claimBlob(rungKey, id);
  await finish([rung]);
  expect(await video()).toMatchObject({ ladder: "done" });
  expect(await rungs()).toEqual([{ key: rungKey }]);
});

test("while none are wanted those that there are stay, and the video lacks them still", async () => {
  await blobUseStore(own.db).claimBlob(rungKey, id);
  await finish([rung]);
  await own.db.updateTable("video").set({ ladder: "waiting" }).execute();
  await finish([]);
  expect(await video()).toMatchObject({ ladder: "none", renditions: [{ shortSide: 360 }] });
  expect(await rungs()).toEqual([{ key: rungKey }]);
  expect(await own.db.selectFrom("video").select("id").where(lacking).execute()).toEqual([{ id }]);
});

test("a backfill while none are wanted asks for each video once", async () => {
  await own.db.updateTable("video").set({ ladder: "none" }).execute();
  const asked: string[] = [];
  const kinds = {
    ladder: {
      maxAttempts: 1,
      timeoutMs: 60_000,
      async run(begun: Job) {
        asked.push(begun.key);
        await finish([], begun);
      },
    },
  };
  const workers = own.jobs.work({ kinds, concurrency: 1, pauseMs: 1 });
  const told = await mediaCommand
    .run(
      own.db,
      ["backfill"],
      () => {},
      () => Promise.reject(new Error("no blobs are asked for")),
    )
    .finally(() => workers.stop());
  expect(told).toEqual(["1 videos were gone through."]);
  expect(asked).toEqual([id]);
});
