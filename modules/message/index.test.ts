import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  ListMessagesRequestSchema,
  MarkReadRequestSchema,
  SendRequestSchema,
} from "#contracts/gen/message_pb.ts";
import { messageModule } from "./index.ts";

test("both sides of a conversation are served by the same process, whatever they do in it", () => {
  const { send, markRead, listMessages } = messageModule.affinity!;
  const keys = [
    ["7", "13"],
    ["13", "7"],
  ].flatMap(([callerId, peerId]) => {
    const call = { callerId, traceId: "", deadlineMs: 0 };
    return [
      send!(create(SendRequestSchema, { receiverId: peerId! }), call),
      markRead!(create(MarkReadRequestSchema, { peerId: peerId! }), call),
      listMessages!(create(ListMessagesRequestSchema, { peerId: peerId! }), call),
    ];
  });
  expect(new Set(keys).size).toBe(1);
});

test("what is no id, or no caller, has a key too: it is refused where it arrives", () => {
  const { send } = messageModule.affinity!;
  const call = { traceId: "", deadlineMs: 0 };
  expect(send!(create(SendRequestSchema, { receiverId: "nobody" }), call)).toEqual(expect.any(String));
});
