import { expect, test } from "vitest";
import { videoDeleted, videoRetitled, videoVisibilityChanged } from "./events.ts";
import { concernedBy, everyFeed } from "./feed-changes.ts";
import { Visibility } from "./gen/video_pb.ts";

const { UNSPECIFIED, PUBLIC, UNLISTED, FRIENDS, PRIVATE } = Visibility;
const video = { videoId: "1", authorId: "2", publishedAtMs: 3, blobKeys: ["video/a.mp4"] };
const shown = ["1", "2", "video/a.mp4"];
const concerned = (type: { name: string }, message: object) =>
  concernedBy({ type: type.name, message: { ...video, ...message } } as never);

test.each([
  [PUBLIC, PRIVATE, true],
  [UNLISTED, FRIENDS, true],
  [FRIENDS, UNLISTED, true],
  [PRIVATE, UNLISTED, false],
  [UNLISTED, PRIVATE, false],
  [UNSPECIFIED, PRIVATE, false],
])("a change from %s to %s concerns every feed: %s, and whoever shows the video", (was, now, every) => {
  const all = concerned(videoVisibilityChanged, { was, now });
  expect(all).toEqual(every ? [...shown, everyFeed] : shown);
});

test.each([
  [PUBLIC, true],
  [FRIENDS, true],
  [UNSPECIFIED, true],
  [UNLISTED, false],
  [PRIVATE, false],
])("the deletion of one that was %s concerns every feed: %s", (was, every) => {
  expect(concerned(videoDeleted, { was })).toEqual(every ? [...shown, everyFeed] : shown);
});

test("the deletion of one that was never published concerns nobody", () => {
  expect(concerned(videoDeleted, { publishedAtMs: 0, was: PUBLIC })).toEqual([]);
});

test("a change of what a video shows concerns whoever shows it, and what it does not show any more", () => {
  expect(concerned(videoRetitled, {})).toEqual(["1", "video/a.mp4"]);
});
