import { expect, test } from "vitest";
import { CommentOrder } from "#contracts/gen/interaction_pb.ts";
import { commentLists } from "./list-comments.ts";

test("a list by heat goes on from no longer ago than is counted quickly", async () => {
  const asked: string[] = [];
  const store = {
    video: async () => ({ last_sequence: "9007199254750000", pinned_id: null }),
    async byHeat(_videoId: string, { asOf }: { asOf: string }) {
      asked.push(asOf);
      return [];
    },
  };
  const video = { getVideos: async () => ({ videos: [{}] }) };
  const { listComments } = commentLists((() => store) as never, video as never);
  for (const asOf of ["0", "9007199254739999", "9007199254740001"])
    await listComments(
      { videoId: "1", order: CommentOrder.HEAT, cursor: `${asOf}-1-1`, limit: 1 } as never,
      {} as never,
    );
  expect(asked).toEqual(["9007199254740000", "9007199254740000", "9007199254740001"]);
});
