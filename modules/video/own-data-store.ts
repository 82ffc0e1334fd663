import type { OwnData, OwnFile, OwnRecord } from "#platform/export/own-data.ts";
import { isoTime } from "#platform/export/own-data.ts";
import type { StoredPicture, Tables } from "./tables.ts";

/** The largest that is shown, else what was sent. */
const bestOf = ({ sizes, source }: StoredPicture): string[] => [
  ...sizes.map(({ key }) => key).reverse(),
  ...(source ? [source.key] : []),
];

const posts: OwnFile<Tables> = {
  about: { en: "Your videos and picture posts, drafts too", zh: "你的视频和图文，包括草稿" },
  async page(db, userId, after = "0", limit): Promise<OwnRecord[]> {
    const rows = await db
      .selectFrom("video")
      .select(["id", "title", "description", "visibility", "state", "draft", "download_allowed", "held"])
      .select(["source_key", "play_key", "cover_key", "duration_ms", "width", "height", "pictures"])
      .select(["created_at", "edited_at", "published_ms", "publish_at_ms", "failure_reason"])
      .where("author_id", "=", userId)
      .where("id", ">", after)
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      key: row.id,
      post: row.id,
      fields: {
        id: row.id,
        kind: row.pictures.length > 0 ? "pictures" : "video",
        title: row.title,
        description: row.description,
        visibility: row.visibility,
        state: row.state,
        ...(row.failure_reason && { failure: row.failure_reason }),
        draft: row.draft,
        downloadAllowed: row.download_allowed,
        uploadedAt: row.created_at.toISOString(),
        publishedAt: isoTime(row.published_ms),
        publishAt: isoTime(row.publish_at_ms),
        editedAt: row.edited_at?.toISOString() ?? null,
        durationMs: row.duration_ms,
        width: row.width,
        height: row.height,
      },
      media: [
        ...(row.pictures.length > 0
          ? row.pictures.map((picture) => ({ what: "picture", keys: bestOf(picture), alt: picture.alt }))
          : [{ what: "video", keys: [row.source_key, row.play_key].filter(Boolean) }]),
        ...(row.cover_key ? [{ what: "cover", keys: [row.cover_key] }] : []),
      ],
    }));
  },
};

const uploads: OwnFile<Tables> = {
  about: { en: "Files you uploaded and did not publish yet", zh: "你上传但还没有发布的文件" },
  async page(db, userId, after = "0", limit) {
    const rows = await db
      .selectFrom("upload")
      .select(["id", "source_key", "size_bytes", "created_at"])
      .where("owner_id", "=", userId)
      .where("id", ">", after)
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      key: row.id,
      fields: { id: row.id, at: row.created_at.toISOString(), sizeBytes: Number(row.size_bytes) },
      media: [{ what: "file", keys: [row.source_key] }],
    }));
  },
};

export const ownData: OwnData<Tables> = { files: { posts, uploads } };
