import { accountErased } from "#contracts/events.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { eachInTimeSlices } from "#platform/events/consumer/time-slice.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { AccountErasureStore } from "./account-erasure-store.ts";
import type { CommentStore } from "./comment-store.ts";
import type { DailyStore } from "./daily-store.ts";
import type { MarkStore } from "./mark-store.ts";
import { storedKinds } from "./reaction-kinds.ts";
import type { ReactionStore } from "./reaction-store.ts";
import type { ReportStore } from "./report-store.ts";
import { ignoreGone } from "./rules.ts";
import type { Tables } from "./tables.ts";

/**
 * Erases the reports, reactions, bookmarks, reposts, shares, downloads and comments of a deleted account. Each goes as if its author
 * had withdrawn it: with its counts, its event and the replies under it. What is on videos that are being deleted goes
 * with them.
 */
export function consumeErasures(
  events: EventConsumers<Tables>,
  stores: {
    accounts: StoreFor<AccountErasureStore>;
    reactions: StoreFor<ReactionStore>;
    comments: StoreFor<CommentStore>;
    bookmarks: StoreFor<MarkStore>;
    reposts: StoreFor<MarkStore>;
    shares: StoreFor<DailyStore>;
    downloads: StoreFor<DailyStore>;
    reports: StoreFor<ReportStore>;
  },
): Consumer {
  return events.consume({
    group: "interaction.accounts",
    types: [accountErased],
    prepare: eachInTimeSlices(async ({ message: { userId }, traceId }, { checkTimeSlice, signal }) => {
      const call = { traceId, signal };
      const accounts = stores.accounts(call);
      await accounts.markDeleted(userId);
      // In separate transactions, since there may be many; each is idempotent.
      await removeReactions(stores.reactions(call));
      await removeComments(stores.comments(call));
      await removeMarks(stores.bookmarks(call));
      await removeMarks(stores.reposts(call));
      for (const daily of [stores.shares(call), stores.downloads(call)])
        while (await daily.forget(userId, traceId)) checkTimeSlice();
      await removeReports(stores.reports(call));

      async function removeMarks(marks: MarkStore): Promise<void> {
        for (let after = "0"; ; checkTimeSlice()) {
          const rows = await marks.marksOf(userId, after);
          if (rows.length === 0) return;
          await marks.apply(
            rows.map((row) => ({ videoId: row.video_id, userId, marked: false, id: row.id, traceId })),
          );
          after = rows.at(-1)!.id;
        }
      }

      async function removeReactions(reactions: ReactionStore): Promise<void> {
        for (const kind of storedKinds) {
          for (let after = "0"; ; checkTimeSlice()) {
            const rows = await accounts.reactions(userId, kind, after);
            if (rows.length === 0) break;
            await reactions.apply(
              rows.map((row) => ({ videoId: row.video_id, userId, reaction: 0, id: row.id, traceId })),
            );
            after = rows.at(-1)!.id;
          }
        }
      }

      async function removeComments(comments: CommentStore): Promise<void> {
        for (let after = "0"; ; ) {
          const rows = await accounts.comments(userId, after);
          if (rows.length === 0) break;
          for (const { video_id: videoId, id } of rows) {
            const step = () => comments.removeStep(videoId, id, () => {}).catch(ignoreGone);
            while (await step()) checkTimeSlice();
            checkTimeSlice();
          }
          after = rows.at(-1)!.id;
        }
        while (await accounts.forgetNames(userId)) checkTimeSlice();
      }

      async function removeReports(reports: ReportStore): Promise<void> {
        for (let after = "0"; ; ) {
          const rows = await reports.reportsOf(userId, after);
          if (rows.length === 0) return;
          for (const { video_id: videoId, comment_id: commentId } of rows) {
            await reports.withdraw(videoId, commentId, userId);
            checkTimeSlice();
          }
          after = rows.at(-1)!.id;
        }
      }
    }),
  });
}
