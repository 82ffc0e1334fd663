import { beginsWithIdr, type Run, runsOf, type Track, tracksOf } from "./mp4-boxes.ts";

/** A stream as a player gets it. */
export interface Stream {
  master: string;
  /** Its rungs, by the address in the master. */
  rungs: Record<string, { playlist: string; file: Buffer }>;
}

/** Rules of RFC 8216 and of Apple's authoring specification for HLS, as far as they apply to films of ours. */
export const streamRules = [
  "a playlist begins with EXTM3U",
  "byte ranges and fragmented MP4 need version 7",
  "segments are independent, and it is said",
  "a film is of the type VOD and ends",
  "no segment is longer than the target duration",
  "there is one initialization, at the start of the file",
  "the initialization can be read",
  "ranges follow one another to the end of the file",
  "a segment is whole fragments",
  "a segment begins with a key frame",
  "times follow one another without a gap",
  "segments begin when and last as long as is said",
  "every rung is cut at the same times",
  "a variant says what it has: bit rates, codecs, size, pictures per second",
  "the master names every rung",
  "sound and pictures are in every segment",
  "the codecs are those of the file",
  "the size is that of the file",
  "the pictures per second are those of the file",
  "the bandwidth is the peak of the file",
  "the average bandwidth is that of the file",
] as const;
export type StreamRule = (typeof streamRules)[number];
export interface StreamProblem {
  rule: StreamRule;
  where: string;
  found: unknown;
}

/** How much a declared bit rate may differ (Apple: a tenth). */
const rateSlack = 0.1;

export function streamProblems({ master, rungs }: Stream): StreamProblem[] {
  const problems: StreamProblem[] = [];
  const cuts: string[] = [];
  const of = (where: string) => (rule: StreamRule, holds: boolean, found: unknown) => {
    if (!holds) problems.push({ rule, where, found });
    return holds;
  };
  const check = of("master");
  const lines = linesOf(master);
  checkHead(lines, check);
  const variants = lines.flatMap((line, at) =>
    line.startsWith("#EXT-X-STREAM-INF:") ? [{ line, uri: lines[at + 1] ?? "" }] : [],
  );
  const named = variants.map(({ uri }) => uri);
  check(
    "the master names every rung",
    named.length > 0 && named.toSorted().join() === Object.keys(rungs).toSorted().join(),
    named,
  );
  for (const { line, uri } of variants) {
    const rung = rungs[uri];
    if (rung) cuts.push(checkRung(rung, attributesOf(line), of(uri)));
  }
  check("every rung is cut at the same times", new Set(cuts).size <= 1, cuts);
  return problems;
}

type Check = (rule: StreamRule, holds: boolean, found: unknown) => boolean;

function checkHead(lines: string[], check: Check): void {
  check("a playlist begins with EXTM3U", lines[0] === "#EXTM3U", lines[0]);
  const version = Number(valueIn(lines, "EXT-X-VERSION"));
  check("byte ranges and fragmented MP4 need version 7", version >= 7, version);
  const independent = lines.includes("#EXT-X-INDEPENDENT-SEGMENTS");
  check("segments are independent, and it is said", independent, independent);
}

/** Answers at what times the rung is cut. */
function checkRung(
  { playlist, file }: Stream["rungs"][string],
  attributes: Map<string, string>,
  check: Check,
): string {
  const lines = linesOf(playlist);
  checkHead(lines, check);
  const type = valueIn(lines, "EXT-X-PLAYLIST-TYPE");
  const last = lines.at(-1);
  check(
    "a film is of the type VOD and ends",
    type === "VOD" && last === "#EXT-X-ENDLIST",
    `${type}, ${last}`,
  );
  const segments = segmentsOf(lines);
  const cut = segments.map(({ seconds }) => seconds).join();
  const target = Number(valueIn(lines, "EXT-X-TARGETDURATION"));
  const longest = Math.max(...segments.map(({ seconds }) => Math.round(seconds)));
  check("no segment is longer than the target duration", target >= longest, `${longest} > ${target}`);
  const variant = variantOf(attributes);
  check(
    "a variant says what it has: bit rates, codecs, size, pictures per second",
    Object.values(variant).every(Boolean),
    [...attributes.keys()],
  );
  const rates = ratesOf(segments, target);
  const near = Math.abs(variant.average / rates.average - 1) <= rateSlack;
  check("the average bandwidth is that of the file", near, `${variant.average}, not ${rates.average}`);
  const peak = variant.peak >= Math.floor(rates.peak) && variant.peak <= rates.peak * (1 + rateSlack);
  check("the bandwidth is the peak of the file", peak, `${variant.peak}, not ${rates.peak}`);

  const maps = lines.flatMap(
    (line) => /^#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@0"$/.exec(line)?.slice(1) ?? [],
  );
  const [mapUri, mapBytes] = maps;
  const oneFile = segments.every(({ uri }) => uri === mapUri);
  if (
    !check("there is one initialization, at the start of the file", maps.length === 2 && oneFile, maps) ||
    !checkRanges(segments, Number(mapBytes), file, check)
  )
    return cut;
  const tracks = read("the initialization can be read", check, () => tracksOf(file, Number(mapBytes)));
  if (!tracks) return cut;
  const codecs = tracks.map(({ codec }) => codec).join();
  check("the codecs are those of the file", codecs === variant.codecs, `${variant.codecs}, not ${codecs}`);
  const video = tracks.find(({ kind }) => kind === "video");
  const size = `${video?.width}x${video?.height}`;
  check("the size is that of the file", size === variant.size, `${variant.size}, not ${size}`);
  const runs = read("a segment is whole fragments", check, () =>
    segments.map(({ from, bytes }) => runsOf(file, from, from + bytes, tracks)),
  );
  if (!runs) return cut;
  for (const track of tracks) checkTimes(track, runs, check);
  if (video) checkPictures(video, runs, segments, variant.fps, file, check);
  return cut;
}

interface Segment {
  seconds: number;
  uri: string;
  from: number;
  bytes: number;
}

function segmentsOf(lines: string[]): Segment[] {
  return lines.flatMap((line, at) => {
    const seconds = /^#EXTINF:(\d+(?:\.\d+)?),/.exec(line);
    if (!seconds) return [];
    const range = /^#EXT-X-BYTERANGE:(\d+)@(\d+)$/.exec(lines[at + 1] ?? "");
    const [, bytes = "NaN", from = "NaN"] = range ?? [];
    return [
      { seconds: Number(seconds[1]), bytes: Number(bytes), from: Number(from), uri: lines[at + 2] ?? "" },
    ];
  });
}

function checkRanges(segments: Segment[], initBytes: number, file: Buffer, check: Check): boolean {
  let end = initBytes;
  const gap = segments.find(({ from, bytes }) => {
    if (from !== end) return true;
    end += bytes;
    return !(bytes > 0);
  });
  return check(
    "ranges follow one another to the end of the file",
    segments.length > 0 && !gap && end === file.length,
    gap ?? `${end} of ${file.length}`,
  );
}

function checkTimes({ id, kind }: Track, runs: Run[][], check: Check): void {
  let end: number | undefined;
  for (const [at, ofSegment] of runs.entries()) {
    const own = ofSegment.filter(({ trackId }) => trackId === id);
    check("sound and pictures are in every segment", own.length > 0, `no ${kind} in ${at}`);
    for (const { decodeTime, samples } of own) {
      check(
        "times follow one another without a gap",
        decodeTime === (end ?? decodeTime),
        `${kind} ${at}: ${decodeTime}, not ${end}`,
      );
      end = decodeTime + samples.reduce((sum, { duration }) => sum + duration, 0);
    }
  }
}

function checkPictures(
  { id, timescale }: Track,
  runs: Run[][],
  segments: Segment[],
  fps: number,
  file: Buffer,
  check: Check,
): void {
  let [declared, pictures, units] = [0, 0, 0];
  const start = runs[0]?.find(({ trackId }) => trackId === id)?.decodeTime ?? 0;
  for (const [at, segment] of segments.entries()) {
    const own = runs[at]!.filter(({ trackId }) => trackId === id);
    const samples = own.flatMap((run) => run.samples);
    const [first] = samples;
    if (!first) continue;
    const isKey = first.isKey && beginsWithIdr(file, first);
    check("a segment begins with a key frame", isKey, `segment ${at}`);
    const ofSegment = samples.reduce((sum, { duration }) => sum + duration, 0);
    const picture = Math.max(...samples.map(({ duration }) => duration)) / timescale;
    const begins = (own[0]!.decodeTime - start) / timescale;
    const differs = Math.max(Math.abs(begins - declared), Math.abs(ofSegment / timescale - segment.seconds));
    check(
      "segments begin when and last as long as is said",
      differs <= picture,
      `segment ${at}: ${differs} s`,
    );
    declared += segment.seconds;
    pictures += samples.length;
    units += ofSegment;
  }
  const measured = (pictures * timescale) / units;
  check(
    "the pictures per second are those of the file",
    Math.abs(fps / measured - 1) <= 0.01,
    `${fps}, not ${measured}`,
  );
}

/** RFC 8216, section 4.1: the peak is that of segments in a row that last half to one and a half target durations. */
function ratesOf(segments: Segment[], target: number): { peak: number; average: number } {
  const rate = (some: Segment[]) => (some.reduce((sum, { bytes }) => sum + bytes, 0) * 8) / secondsOf(some);
  const rows = segments.flatMap((_, from) =>
    segments.slice(from).map((__, length) => segments.slice(from, from + length + 1)),
  );
  const counted = rows.filter((row) => secondsOf(row) >= target / 2 && secondsOf(row) <= target * 1.5);
  const average = rate(segments);
  return { average, peak: Math.max(average, ...counted.map(rate)) };
}

function secondsOf(segments: Segment[]): number {
  return segments.reduce((sum, { seconds }) => sum + seconds, 0);
}

function variantOf(attributes: Map<string, string>) {
  return {
    peak: Number(attributes.get("BANDWIDTH")),
    average: Number(attributes.get("AVERAGE-BANDWIDTH")),
    codecs: attributes.get("CODECS"),
    size: attributes.get("RESOLUTION"),
    fps: Number(attributes.get("FRAME-RATE")),
  };
}

/** RFC 8216, section 4.2. */
function attributesOf(line: string): Map<string, string> {
  return new Map(
    [...line.matchAll(/[:,]([A-Z-]+)=(?:"([^"]*)"|([^,]*))/g)].map(([, name, quoted, plain]) => [
      name!,
      quoted ?? plain!,
    ]),
  );
}

function read<Read>(rule: StreamRule, check: Check, run: () => Read): Read | undefined {
  try {
    return run();
  } catch (error) {
    check(rule, false, (error as Error).message);
    return undefined;
  }
}

const linesOf = (text: string) => text.trimEnd().split("\n");

function valueIn(lines: string[], tag: string): string | undefined {
  return lines.find((line) => line.startsWith(`#${tag}:`))?.slice(tag.length + 2);
}
