import type { Message, Quote } from "#contracts/gen/message_pb.ts";
import type { MediaUrls } from "../media/media-urls.ts";

export type PictureUrls = Pick<MediaUrls, "ofMessage">;

/** What a message has besides its text, as `messageParts` describes it. */
export function toMessageParts(message: Message, urls: PictureUrls) {
  const { id, recalled, replyTo, reactions, forwarded, picture, videoId, profileId } = message;
  return {
    ...(recalled && { recalled }),
    ...(forwarded && { forwarded }),
    ...(picture && {
      picture: {
        url: urls.ofMessage(id, picture.key),
        smallUrl: urls.ofMessage(id, picture.smallKey),
        width: picture.width,
        height: picture.height,
      },
    }),
    ...(videoId && { videoId }),
    ...(profileId && { profileId }),
    ...(replyTo && { replyTo: toQuote(replyTo) }),
    ...(reactions.length > 0 && {
      reactions: reactions.map(({ emoji, count, own }) => ({ emoji, count, own })),
    }),
  };
}

function toQuote({ id, senderId, content, recalled, picture, video, profile }: Quote) {
  const shows = picture ? ("picture" as const) : video ? ("video" as const) : profile && ("profile" as const);
  return {
    id,
    ...(senderId && { senderId }),
    text: content,
    ...(recalled && { recalled }),
    ...(shows && { shows }),
  };
}
