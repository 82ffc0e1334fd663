import { expect, test } from "vitest";
import { MessageReportReason } from "#contracts/gen/message_pb.ts";
import { reportHandlers } from "./reports.ts";

const row = { id: "30", sender_id: "2", notice: null, recalled: false };
function handlers() {
  const added: { peerId: string }[] = [];
  const store = {
    conversationOf: async (userId: string, messageId: string) =>
      userId === "1" && messageId === "30" ? "2" : undefined,
    byIds: async (ids: string[]) =>
      ids.map((id) => ({ id, reporter_id: "1", in_group: false, reason: 1, text: "", lines: [] })),
    async add(report: { peerId: string }) {
      added.push(report);
      return "40";
    },
  };
  const messages = { messages: async () => [row] };
  const more = { ids: { next: () => "41" }, security: {} } as never;
  return { added, ...reportHandlers((() => messages) as never, (() => store) as never, more) };
}
const reason = MessageReportReason.SPAM;

test("a message is reported by its id alone, and who reports it learns which report stands and whose message it is", async () => {
  const { reportMessage, added } = handlers();
  const asked = { peerId: "", messageId: "30", reason, text: "" };
  expect(await reportMessage(asked as never, { callerId: "1" } as never)).toEqual({
    ...{ reportId: "40", senderId: "2" },
  });
  expect(added).toMatchObject([{ peerId: "2" }]);
  for (const [callerId, messageId] of [
    ["3", "30"],
    ["1", "31"],
  ])
    await expect(
      reportMessage({ ...asked, messageId } as never, { callerId } as never),
    ).rejects.toMatchObject({ reason: "MESSAGE_NOT_FOUND" });
});

test("moderators alone are given reports by their ids, some at once", async () => {
  const { getMessageReports } = handlers();
  const moderator = { callerId: "9", moderator: true } as never;
  const asked = { reportIds: ["40", "x"] } as never;
  expect(await getMessageReports(asked, moderator)).toMatchObject({
    reports: [{ id: "40", reporterId: "1" }],
  });
  await expect(getMessageReports(asked, { callerId: "1" } as never)).rejects.toMatchObject({
    reason: "MODERATORS_ONLY",
  });
  await expect(
    getMessageReports({ reportIds: Array(101).fill("40") } as never, moderator),
  ).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
});
