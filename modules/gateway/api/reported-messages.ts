import type { MessageReport } from "#contracts/gen/message_pb.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { toMessagePicture } from "./message-parts.ts";
import { type ApiUser, toTime } from "./present.ts";

/** What was said around a reported message, as its reporter saw it. */
export const toReportedMessages = (
  { id, lines }: MessageReport,
  people: ReadonlyMap<string, ApiUser>,
  urls: MediaUrls,
) =>
  lines.map(({ senderId, content, sentAtMs, reported, picture, shown, videoId, profileId }) => ({
    ...{ sender: people.get(senderId) ?? null, text: content, sentAt: toTime(sentAtMs) },
    reported,
    ...(picture && { picture }),
    ...(shown && { shown: toMessagePicture(id, shown, urls) }),
    ...(videoId && { videoId }),
    ...(profileId && { profileId }),
  }));
