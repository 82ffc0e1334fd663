import { expect, it } from "vitest";
import { createListeners } from "./listeners.ts";
import type { User } from "./types.ts";
import { followViewer } from "./viewer.ts";

it("a login is told, as another's only where somebody else was here last", () => {
  let user: User | null = null;
  const changes = createListeners();
  const told: boolean[] = [];
  followViewer({ user: () => user, subscribe: changes.add }, (isAnother) => told.push(isAnother));
  const becomes = (id: string | null) => {
    user = id === null ? null : ({ id } as User);
    changes.call();
    return told.splice(0);
  };
  expect(becomes("1")).toEqual([false]);
  // Of the same person something else changed.
  expect(becomes("1")).toEqual([]);
  expect(becomes(null)).toEqual([]);
  expect(becomes("1")).toEqual([false]);
  expect(becomes("2")).toEqual([true]);
  expect(becomes(null)).toEqual([]);
  expect(becomes("1")).toEqual([true]);
});
