import type { Resume } from "#contracts/gen/playback_pb.ts";
import { toApiResume } from "../api/resume.ts";

/** The text of a page of videos, without what is put in when it is sent. */
export interface PageWithHoles {
  /** What stands before each hole, and after the last. */
  pieces: Buffer[];
  holes: { what: "views" | "resume"; videoId: string }[];
  /** Of the videos that have holes. */
  videoIds: string[];
  hasResumes: boolean;
  bytes: number;
}

/** As they are written while a page is made. Within a text of JSON a quote is escaped, so none looks like this. */
const hole = /"(views|view_count)":0(?=[,}])|"resume":null/g;

/** `videoIds`: of the videos of the page, in their order. */
export function withHoles(text: string, videoIds: readonly string[]): PageWithHoles {
  const pieces: Buffer[] = [];
  const holes: PageWithHoles["holes"] = [];
  const places = { views: 0, resume: 0 };
  let from = 0;
  for (const { 0: found, 1: name, index } of text.matchAll(hole)) {
    const what = name === undefined ? "resume" : "views";
    const videoId = videoIds[places[what]++];
    if (videoId === undefined) throw new Error(`a page has more ${what} than videos`);
    const end = index + found.indexOf(":") + 1;
    pieces.push(Buffer.from(text.slice(from, end)));
    holes.push({ what, videoId });
    from = index + found.length;
  }
  pieces.push(Buffer.from(text.slice(from)));
  return {
    ...{ pieces, holes },
    videoIds: [...new Set(holes.map(({ videoId }) => videoId))],
    hasResumes: holes.some(({ what }) => what === "resume"),
    bytes: pieces.reduce((sum, { length }) => sum + length, 0),
  };
}

export function filled(
  { pieces, holes }: PageWithHoles,
  views: ReadonlyMap<string, number>,
  resumes: ReadonlyMap<string, Resume | undefined> | undefined,
): Buffer {
  const all: Buffer[] = [];
  holes.forEach(({ what, videoId }, i) => {
    const value = what === "views" ? (views.get(videoId) ?? 0) : toApiResume(resumes?.get(videoId));
    all.push(pieces[i]!, Buffer.from(JSON.stringify(value)));
  });
  all.push(pieces.at(-1)!);
  return Buffer.concat(all);
}
