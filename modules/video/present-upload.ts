import type { MessageInitShape } from "@bufbuild/protobuf";
import type { UploadSchema } from "#contracts/gen/video_pb.ts";
import type { UploadId } from "#contracts/ids.ts";
import type { MediaInfo, PictureInfo } from "#platform/media/media-tool.ts";

export function isPicture(info: MediaInfo | PictureInfo): info is PictureInfo {
  return "picture" in info;
}

export function toUpload(
  id: UploadId,
  sizeBytes: number,
  info: MediaInfo | PictureInfo,
): MessageInitShape<typeof UploadSchema> {
  const { durationMs, width, height, notices } = info;
  return { id, sizeBytes, durationMs, width, height, notices, picture: isPicture(info) };
}
