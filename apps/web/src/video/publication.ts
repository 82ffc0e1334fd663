import type { Video } from "../api/types.ts";

/** When a video is to be published, as its author chooses it. */
export interface Publication {
  when: "now" | "draft" | "time";
  /** As a field for times has it: in the author's own time zone, without naming it. */
  at: string;
}

/** Of a video that is not published yet. */
export function publicationOf({ draft, publishAt }: Pick<Video, "draft" | "publishAt">): Publication {
  return publishAt
    ? { when: "time", at: localTime(new Date(publishAt)) }
    : { when: draft ? "draft" : "now", at: "" };
}

/** The same for the server. What has no time yet is a draft: it must not go out before its time is chosen. */
export function toRequest({ when, at }: Publication) {
  if (when === "now") return { draft: false };
  const time = new Date(at);
  return when === "draft" || Number.isNaN(time.getTime())
    ? { draft: true }
    : { publishAt: time.toISOString() };
}

/** To the minute. */
export function localTime(time: Date): string {
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
