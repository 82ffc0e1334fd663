import { expect, it } from "vitest";
import type { Video } from "../api/types.ts";
import { continueFrom } from "./continue-from.ts";

const video = (id: string, playUrl: string | null = "/media/x") => ({ id, playUrl }) as Video;

it("goes on with what is older and can be played, without the video itself", () => {
  const listed = [video("1002"), video("1001"), video("1000"), video("999", null), video("98")];
  expect(continueFrom(video("1001"), listed).map(({ id }) => id)).toEqual(["1001", "1000", "98"]);
});
