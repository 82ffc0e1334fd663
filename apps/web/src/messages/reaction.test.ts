import { expect, it } from "vitest";
import type { Message } from "../api/types.ts";
import { withReaction } from "./reaction.ts";

it("adds the viewer's emoji and takes it away, each once, beside those of others", () => {
  const message = { id: "1", reactions: [{ emoji: "👍", count: 2, own: false }] } as Message;
  const added = withReaction(withReaction(message, "👍", true), "👍", true);
  expect(added.reactions).toEqual([{ emoji: "👍", count: 3, own: true }]);
  const both = withReaction(added, "🎉", true);
  expect(both.reactions).toEqual([...added.reactions!, { emoji: "🎉", count: 1, own: true }]);
  expect(withReaction(withReaction(both, "🎉", false), "👍", false)).toEqual(message);
  const alone = withReaction({ id: "2" } as Message, "🎉", true);
  expect(withReaction(withReaction(alone, "🎉", false), "🎉", false)).toEqual({ id: "2" });
});
