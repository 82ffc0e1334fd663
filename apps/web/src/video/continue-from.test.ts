import { expect, it } from "vitest";
import type { Video } from "../api/types.ts";
import { continueFrom, continueList } from "./continue-from.ts";

const video = (id: string, playUrl: string | null = "/media/x") => ({ id, playUrl }) as Video;

it("continues with older playable videos, without the video itself", () => {
  const listed = [video("1002"), video("1001"), video("1000"), video("999", null), video("98")];
  expect(continueFrom(video("1001"), listed).map(({ id }) => id)).toEqual(["1001", "1000", "98"]);
});

it("pictures are something to continue with", () => {
  const pictures = { id: "1000", playUrl: null, kind: "pictures", state: "published" } as Video;
  expect(continueFrom(video("1001"), [pictures])).toHaveLength(2);
});

it("continues in a list after the video, even if it is no longer in it", () => {
  const listed = [video("3"), video("1"), video("2")];
  expect(continueList(video("1"), listed).map(({ id }) => id)).toEqual(["1", "2"]);
  expect(continueList(video("9"), listed).map(({ id }) => id)).toEqual(["9", "3", "1", "2"]);
});
