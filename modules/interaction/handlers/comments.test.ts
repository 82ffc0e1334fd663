import { expect, test } from "vitest";
import { refusal } from "#contracts/reasons.ts";
import { commentHandlers } from "./comments.ts";

test("a moderator's deletion is noted with its first step, and done also when somebody else does the last", async () => {
  const [comment, video, transaction] = [{ author_id: "5" }, { author_id: "6" }, {}];
  const noted: unknown[] = [];
  const security = { write: async (...entry: unknown[]) => void noted.push(entry) };
  let steps = 0;
  const store = {
    async removeStep(
      _videoId: string,
      _id: string,
      check: (...of: unknown[]) => Promise<void>,
    ): Promise<boolean> {
      if (++steps > 1) throw refusal("COMMENT_NOT_FOUND");
      await check(comment, video, transaction);
      return true;
    },
  };
  const { deleteComment } = commentHandlers(
    (() => store) as never,
    {} as never,
    {} as never,
    {} as never,
    security as never,
  );
  const asked = { videoId: "1", commentId: "2", reason: "rude" };
  expect(await deleteComment(asked as never, { callerId: "7", moderator: true } as never)).toEqual({});
  expect(steps).toBe(2);
  const entry = { kind: "comment-deleted", userId: "5", actorId: "7", reason: "rude" };
  expect(noted).toEqual([[{ ...entry, subject: "comment 2 on video 1" }, transaction]]);
});
