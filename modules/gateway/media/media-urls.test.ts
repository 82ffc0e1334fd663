import type { FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { VideoState, Visibility } from "#contracts/gen/video_pb.ts";
import { urlsOf } from "../gateway-context.ts";
import { downloadPath, playlistsPath } from "./media-urls.ts";
import { signedMedia } from "./signed-media.ts";

const signed = signedMedia("s".repeat(32));
const urls = urlsOf("https://here", "https://elsewhere", signed, { markedPath: (key) => key });
const by = (identity: { userId: string; moderator: boolean } | undefined) =>
  ({ headers: {}, identity }) as unknown as FastifyRequest;
const playKey = `video/${"a".repeat(64)}.mp4`;
const video = {
  ...{ id: "12", playKey, state: VideoState.PUBLISHED, visibility: Visibility.PUBLIC },
  ...{ renditions: [{}] as never, hasStoryboard: true },
};

test("for moderators all of a video is signed as such, also while it is public; nobody else gets such addresses", () => {
  const theirs = urls.urlsForModerator(by({ userId: "34", moderator: true }));
  for (const [url, path] of [
    [theirs.ofVideo(video, playKey), playKey],
    [theirs.hls(video)!, playlistsPath("12")],
    [theirs.storyboard(video)!, playlistsPath("12")],
    [theirs.download(video), downloadPath("12")],
  ] as const) {
    const { origin, searchParams } = new URL(url);
    const pass = { videoId: "12", viewerId: "34", asModerator: true, expired: false };
    expect(origin).toBe("https://here");
    expect(signed.passIn(path, Object.fromEntries(searchParams))).toMatchObject(pass);
  }
  expect(urls.urlsFor(by({ userId: "34", moderator: true })).ofVideo(video, playKey)).toBe(
    `https://elsewhere/media/${playKey}`,
  );
  for (const identity of [undefined, { userId: "34", moderator: false }])
    expect(() => urls.urlsForModerator(by(identity))).toThrow(
      expect.objectContaining({ reason: "MODERATORS_ONLY" }),
    );
});
