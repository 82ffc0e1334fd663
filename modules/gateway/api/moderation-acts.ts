import type { Done } from "#contracts/gen/moderation_pb.ts";
import { type ApiUser, toTime } from "./present.ts";

/** A time, if there is one. */
export const noTime = (ms: number) => (ms > 0 ? toTime(ms) : null);

/** An act as whom it concerns is told of it. */
export const toOwn = (one: Done) => ({
  ...{ id: one.id, subject: one.subject!, act: one.act, reason: one.reason || null, text: one.text },
  ...{ until: noTime(one.untilMs), at: toTime(one.atMs), videoId: one.videoId || null },
});

/** As moderators see it. */
export const toAct = (one: Done, people: ReadonlyMap<string, ApiUser>) => ({
  ...toOwn(one),
  ...{ actor: people.get(one.actorId) ?? null, owner: people.get(one.ownerId) ?? null },
  ...{ note: one.note, batchId: one.batchId },
});
