import type { ColumnType, Generated, GeneratedAlways } from "kysely";
import type { JobTables } from "#platform/jobs/job-table.ts";
import type { Loudness } from "#platform/media/loudness.ts";
import type { MediaInfo, PictureInfo } from "#platform/media/media-tool.ts";
import type { Storyboard } from "#platform/media/storyboard.ts";
import type { Mentions } from "./mentions.ts";
import type { Steps } from "./steps.ts";
import type { ReachName, VisibilityName } from "./visibility.ts";

type Json<T> = ColumnType<T, string, string>;
type VideoStateName = "uploaded" | "processing" | "ready" | "published" | "failed";

interface ShownRendition {
  shortSide: number;
  width: number;
  height: number;
  /** Average bits per second. */
  bitrate: number;
}

/** A picture of a post: what is to be made of an upload, then what was made. */
export interface StoredPicture {
  alt: string;
  width: number;
  height: number;
  thumbHash: string;
  /** The smallest first. */
  sizes: { key: string; width: number; height: number }[];
  /** Which one of its post it is; absent until some of them were changed: its place, from 1 (contracts/picture-number.ts). */
  number?: number;
  /** Of the file that was sent, and of what is shown; absent in posts from before these were noted. */
  bytes?: { original: number; shown: number };
  /** Until it is published. */
  source?: { key: string; info: PictureInfo };
}

export interface Tables extends JobTables {
  upload: {
    owner_id: string;
    id: string;
    source_key: string;
    size_bytes: ColumnType<string, number, never>;
    info: Json<MediaInfo | PictureInfo>;
    address: Generated<string>;
    created_at: GeneratedAlways<Date>;
  };
  resumable_upload: {
    id: string;
    owner_id: string;
    address: string;
    size_bytes: ColumnType<string, number, never>;
    received_bytes: ColumnType<string, number | undefined, number>;
    partial: string;
    begun_at: GeneratedAlways<Date>;
    touched_at: Generated<Date>;
    writer: Generated<string>;
    writer_until: Generated<Date>;
    unchecked_from: ColumnType<string | null, number | null | undefined, number | null>;
    direct: ColumnType<string | null, string | undefined, string>;
  };
  known_file_challenge: {
    owner_id: string;
    challenge: string;
    source_key: string;
    size_bytes: ColumnType<string, number, never>;
    ranges: Json<[from: number, to: number][]>;
    made_at: GeneratedAlways<Date>;
  };
  video: {
    id: string;
    author_id: string;
    upload_id: string;
    title: string;
    state: VideoStateName;
    progress: Generated<number>;
    failure_reason: Generated<string>;
    failure_message: Generated<string>;
    source_key: string;
    play_key: Generated<string>;
    cover_key: Generated<string>;
    duration_ms: number;
    width: number;
    height: number;
    size_bytes: ColumnType<string, string | number, string | number>;
    original_bytes: ColumnType<string | null, never, string | number>;
    info: Json<MediaInfo>;
    created_at: GeneratedAlways<Date>;
    published_ms: Generated<string | null>;
    held: Generated<boolean>;
    notices: Generated<string[]>;
    description: Generated<string>;
    mentions: ColumnType<Mentions, string | undefined, string>;
    edited_at: Generated<Date | null>;
    visibility: Generated<VisibilityName>;
    wished_visibility: Generated<VisibilityName | null>;
    reach: Generated<ReachName>;
    moderated: Generated<string>;
    download_allowed: Generated<boolean>;
    thumb_hash: Generated<string>;
    cover_times_ms: Generated<number[]>;
    draft: Generated<boolean>;
    publish_at_ms: ColumnType<string | null, number | null | undefined, number | null>;
    ladder: Generated<"none" | "waiting" | "running" | "done" | "failed">;
    ladder_rungs: Generated<number>;
    loudness: ColumnType<Loudness | null, string | null | undefined, string | null>;
    storyboard: ColumnType<(Storyboard & { key: string }) | null, string | null | undefined, string | null>;
    renditions: ColumnType<ShownRendition[], string | undefined, string>;
    pictures: ColumnType<StoredPicture[], string | undefined, string>;
    steps: Generated<Steps>;
    replaced: ColumnType<{ key: string; untilMs: number }[], string | undefined, string>;
  };
  rendition: {
    video_id: string;
    short_side: number;
    key: string;
    width: number;
    height: number;
    codecs: string;
    fps: number;
    init_bytes: number;
    fragment_bytes: number[];
    fragment_us: number[];
  };
  author_stats: {
    author_id: string;
    works: string;
    gone: Generated<boolean>;
    refused_closing: Generated<string>;
  };
  blob_use: { key: string; owner_id: string };
}
