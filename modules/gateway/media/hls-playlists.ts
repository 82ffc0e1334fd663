import type { Rendition } from "#contracts/gen/video_pb.ts";

/** HLS playlists (RFC 8216 and Apple's authoring rules for VOD) from the fragment tables of a video's rungs. */

/**
 * The smallest first: a player begins with the first one that is listed, and its first fragment comes soonest.
 * `query`: what its rungs are signed with.
 */
export function masterPlaylist(renditions: readonly Rendition[], query = ""): string {
  const variants = renditions.flatMap((rung) => {
    const { codecs, width, height, fps, shortSide } = rung;
    const attributes = [
      `BANDWIDTH=${peakBitrate(rung)}`,
      `AVERAGE-BANDWIDTH=${rung.averageBitrate}`,
      `CODECS="${codecs}"`,
      `RESOLUTION=${width}x${height}`,
      `FRAME-RATE=${fps.toFixed(3)}`,
    ];
    return [`#EXT-X-STREAM-INF:${attributes.join(",")}`, `${shortSide}.m3u8${query}`];
  });
  return lines(["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS", ...variants]);
}

/** `uri`: of the rung's blob, from the playlist. */
export function rungPlaylist({ initBytes, fragmentBytes, fragmentUs }: Rendition, uri: string): string {
  let from = initBytes;
  const fragments = fragmentBytes.flatMap((bytes, at) => {
    const range = `${bytes}@${from}`;
    from += bytes;
    return [`#EXTINF:${(fragmentUs[at]! / 1_000_000).toFixed(6)},`, `#EXT-X-BYTERANGE:${range}`, uri];
  });
  return lines([
    "#EXTM3U",
    "#EXT-X-VERSION:7",
    `#EXT-X-TARGETDURATION:${targetSeconds(fragmentUs)}`,
    "#EXT-X-MEDIA-SEQUENCE:0",
    "#EXT-X-PLAYLIST-TYPE:VOD",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    `#EXT-X-MAP:URI="${uri}",BYTERANGE="${initBytes}@0"`,
    ...fragments,
    "#EXT-X-ENDLIST",
  ]);
}

/**
 * Of the fragments in a row that need most, among those that together last half to one and a half target durations
 * (RFC 8216, section 4.1): the last one may be a single key frame. Of a film that is shorter, its average.
 */
function peakBitrate(rendition: Rendition): number {
  const { fragmentBytes, fragmentUs } = rendition;
  const targetUs = targetSeconds(fragmentUs) * 1_000_000;
  let peak = rendition.averageBitrate;
  for (let from = 0; from < fragmentUs.length; from++) {
    let bytes = 0;
    let us = 0;
    for (let at = from; at < fragmentUs.length; at++) {
      bytes += fragmentBytes[at]!;
      us += fragmentUs[at]!;
      if (us > 1.5 * targetUs) break;
      if (us >= 0.5 * targetUs) peak = Math.max(peak, bitrate(bytes, us));
    }
  }
  return peak;
}

function targetSeconds(fragmentUs: readonly number[]): number {
  return Math.max(1, Math.round(Math.max(...fragmentUs) / 1_000_000));
}

function bitrate(bytes: number, us: number): number {
  return Math.ceil((bytes * 8 * 1_000_000) / us);
}

function lines(all: string[]): string {
  return `${all.join("\n")}\n`;
}
