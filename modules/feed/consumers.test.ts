import { afterAll, beforeAll, expect, test } from "vitest";
import { inboxesChanged, videoDeleted, videoVisibilityChanged } from "#contracts/events.ts";
import { Visibility } from "#contracts/gen/video_pb.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { projectInboxes } from "./consumers.ts";
import { migrations } from "./migrations.ts";
import { feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const { PUBLIC, UNLISTED, PRIVATE } = Visibility;
const video = { videoId: "1", authorId: "2", publishedAtMs: 3, blobKeys: [] };
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "consumers", migrations);
});
afterAll(() => own.drop());

/** Whose following feeds an event changes; none: everybody's. */
async function changed(type: { name: string }, more: object): Promise<unknown[]> {
  const { handle } = projectInboxes(feedStore(own.db, own.events), {} as never, own.jobs, 1000);
  const event = { type: type.name, message: { ...video, ...more }, traceId: "0".repeat(32) };
  const emitted: unknown[] = [];
  const emit = (of: unknown, message: unknown) => {
    if (of === inboxesChanged) emitted.push(message);
  };
  await own.db
    .transaction()
    .execute((on) => handle!(on, [event] as never, { emit, prepared: new Map() } as never));
  return emitted;
}

test("what no feed shows empties nobody's following feed", async () => {
  const everybody = [{ userIds: [] }];
  expect(await changed(videoVisibilityChanged, { was: PUBLIC, now: UNLISTED })).toEqual(everybody);
  expect(await changed(videoVisibilityChanged, { was: UNLISTED, now: PRIVATE })).toEqual([]);
  expect(await changed(videoDeleted, { was: PRIVATE })).toEqual([]);
  expect(await changed(videoDeleted, { was: PUBLIC })).toEqual(everybody);
});
