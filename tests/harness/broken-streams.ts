import type { Stream, StreamRule } from "./stream-problems.ts";

/** What a checker of streams must refuse: each breaks a good one, and the rule that it breaks. */
export const brokenStreams: readonly [StreamRule, (stream: Stream) => void][] = [
  ["a playlist begins with EXTM3U", master((text) => `\n${text}`)],
  ["a playlist begins with EXTM3U", rung((text) => text.replace("#EXTM3U", "#EXTM3U8"))],
  ["byte ranges and fragmented MP4 need version 7", rung((text) => text.replace("VERSION:7", "VERSION:6"))],
  ["byte ranges and fragmented MP4 need version 7", master((text) => text.replace(/#EXT-X-VERSION.*\n/, ""))],
  ["segments are independent, and it is said", master((text) => text.replace(/#EXT-X-INDEPENDENT.*\n/, ""))],
  ["a film is of the type VOD and ends", rung((text) => text.replace("TYPE:VOD", "TYPE:EVENT"))],
  ["a film is of the type VOD and ends", rung((text) => text.replace("\n#EXT-X-ENDLIST", ""))],
  ["no segment is longer than the target duration", rung((text) => text.replace(/(DURATION:)\d+/, "$11"))],
  [
    "there is one initialization, at the start of the file",
    rung((text) => text.replace(/#EXT-X-MAP.*\n/, "")),
  ],
  ["there is one initialization, at the start of the file", rung((text) => text.replace('@0"', '@8"'))],
  [
    "there is one initialization, at the start of the file",
    rung((text) => text.replace(/\n\.\.(.*)$/m, "\n$1")),
  ],
  ["the initialization can be read", file((bytes) => bytes.write("free", bytes.indexOf("moov"), "latin1"))],
  [
    "the initialization can be read",
    file((bytes) => bytes.writeUInt32BE(1 << 20, bytes.indexOf("mdia") - 4)),
  ],
  [
    "ranges follow one another to the end of the file",
    rung(segment(1, (bytes, from) => `${bytes}@${from + 1}`)),
  ],
  [
    "ranges follow one another to the end of the file",
    rung(segment(4, (bytes, from) => `${bytes + 1}@${from}`)),
  ],
  [
    "ranges follow one another to the end of the file",
    rung(segment(4, (bytes, from) => `${bytes - 1}@${from}`)),
  ],
  [
    "ranges follow one another to the end of the file",
    rung((text) => text.replace(/(RANGE:\d+)@\d+/g, "$1")),
  ],
  ["a segment is whole fragments", file((bytes) => bytes.write("free", bytes.lastIndexOf("moof"), "latin1"))],
  ["a segment is whole fragments", moveBoundary],
  ["a segment begins with a key frame", file(hideIdr)],
  ["a segment begins with a key frame", file(flagAsDependent)],
  ["times follow one another without a gap", file((bytes) => shiftTimes(bytes, 0))],
  ["times follow one another without a gap", file((bytes) => shiftTimes(bytes, 1))],
  [
    "segments begin when and last as long as is said",
    rung((text) => text.replace("EXTINF:1.0", "EXTINF:1.1")),
  ],
  ["every rung is cut at the same times", rung((text) => text.replace("EXTINF:1.000000", "EXTINF:1.000001"))],
  ...(["BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "FRAME-RATE"] as const).map(
    (name): (typeof brokenStreams)[number] => [
      "a variant says what it has: bit rates, codecs, size, pictures per second",
      master((text) => text.replace(new RegExp(`([:,])${name}=`), "$1X=")),
    ],
  ),
  ["the master names every rung", master((text) => text.replace("180.m3u8", "360.m3u8"))],
  ["the master names every rung", master((text) => text.slice(0, text.indexOf("#EXT-X-STREAM-INF")))],
  ["sound and pictures are in every segment", file(mute)],
  ["the codecs are those of the file", master((text) => text.replace(",mp4a.40.2", ""))],
  ["the codecs are those of the file", master((text) => text.replace("avc1.64", "avc1.4d"))],
  [
    "the codecs are those of the file",
    file((bytes) => bytes.fill(63, bytes.indexOf("avcC") + 7, bytes.indexOf("avcC") + 8)),
  ],
  ["the size is that of the file", master((text) => text.replace("90x160", "160x90"))],
  [
    "the pictures per second are those of the file",
    master((text) => text.replace(/FRAME-RATE=\d+/, "FRAME-RATE=12")),
  ],
  ["the bandwidth is the peak of the file", master((text) => scaled(text, ":BANDWIDTH", 0.99))],
  ["the bandwidth is the peak of the file", master((text) => scaled(text, ":BANDWIDTH", 1.2))],
  ["the average bandwidth is that of the file", master((text) => scaled(text, ",AVERAGE-BANDWIDTH", 0.8))],
  ["the average bandwidth is that of the file", master((text) => scaled(text, ",AVERAGE-BANDWIDTH", 1.2))],
];

function master(change: (text: string) => string) {
  return (stream: Stream): void => {
    stream.master = change(stream.master);
  };
}

/** Of the first rung. */
function rung(change: (text: string) => string) {
  return ({ rungs }: Stream): void => {
    const first = Object.values(rungs)[0]!;
    first.playlist = change(first.playlist);
  };
}

function file(change: (bytes: Buffer) => unknown) {
  return ({ rungs }: Stream): void => void change(Object.values(rungs)[0]!.file);
}

/** Changes the byte range of a segment. */
function segment(at: number, change: (bytes: number, from: number) => string) {
  return (text: string): string => {
    let segments = -1;
    return text.replace(/^(#EXT-X-BYTERANGE:)(\d+)@(\d+)$/gm, (line, tag, bytes, from) =>
      ++segments === at ? tag + change(Number(bytes), Number(from)) : line,
    );
  };
}

function scaled(text: string, name: string, factor: number): string {
  return text.replace(
    new RegExp(`${name}=(\\d+)`),
    (_, rate) => `${name}=${Math.round(Number(rate) * factor)}`,
  );
}

/** The ranges still follow one another, but not as the fragments do. */
function moveBoundary(stream: Stream): void {
  rung(segment(0, (bytes, from) => `${bytes + 8}@${from}`))(stream);
  rung(segment(1, (bytes, from) => `${bytes - 8}@${from + 8}`))(stream);
}

/** The place of the last fragment's box. */
function inLast(bytes: Buffer, type: string, track: number): number {
  let at = bytes.lastIndexOf("moof");
  for (let i = 0; i <= track; i++) at = bytes.indexOf(type, at + 4);
  return at;
}

/** The first picture of the last segment becomes one that needs others. */
function hideIdr(bytes: Buffer): void {
  const data = bytes.lastIndexOf("mdat") + 4;
  for (let at = data; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) {
    if ((bytes[at + 4]! & 31) !== 5) continue;
    bytes[at + 4] = (bytes[at + 4]! & ~31) | 1;
    return;
  }
}

/** Its fragment says that it needs others. */
function flagAsDependent(bytes: Buffer): void {
  const trun = inLast(bytes, "trun", 0);
  // After the number of samples and the place of the data.
  const flags = trun + 16;
  bytes.writeUInt32BE((bytes.readUInt32BE(flags) | 0x10000) >>> 0, flags);
}

function shiftTimes(bytes: Buffer, track: number): void {
  const tfdt = inLast(bytes, "tfdt", track);
  const last = tfdt + 4 + (bytes[tfdt + 4] === 1 ? 8 : 4);
  bytes.writeUInt32BE(bytes.readUInt32BE(last) + 1, last);
}

/** The last fragment has pictures only. */
function mute(bytes: Buffer): void {
  bytes.write("free", inLast(bytes, "traf", 1), "latin1");
}
