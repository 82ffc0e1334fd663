/** The profiles of screens and cameras have some 500 to 4,000 bytes. */
const MAX_PROFILE_BYTES = 8 * 1024;
const END = Buffer.from([0xff, 0xd9]);
const [SOI, SOS, APP0, APP2, APP15, COM] = [0xd8, 0xda, 0xe0, 0xe2, 0xef, 0xfe];

/**
 * A JPEG without all that is no picture: no Exif, no XMP, no comment, whatever an encoder takes over from its source.
 * Its colour profile stays if that has a usual size, or becomes the given one. null if it is none.
 */
export function onlyPicture(jpeg: Buffer, profile?: Buffer | null): Buffer | null {
  if (jpeg[0] !== 0xff || jpeg[1] !== SOI) return null;
  const kept: Buffer[] = [jpeg.subarray(0, 2)];
  const given = profile && profileSegment(profile);
  if (given) kept.push(given);
  for (let at = 2; at + 4 <= jpeg.length; ) {
    if (jpeg[at] !== 0xff) return null;
    const marker = jpeg[at + 1]!;
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (marker === SOS) return Buffer.concat([...kept, jpeg.subarray(at)]);
    const segment = jpeg.subarray(at, end);
    if (marker === APP0 || (!given && isProfile(marker, segment))) kept.push(segment);
    else if (!(marker > APP0 && marker <= APP15) && marker !== COM) kept.push(segment);
    at = end;
  }
  return null;
}

/** Whether its end has arrived: decoders fill in grey for what is missing. */
export function isWholeJpeg(jpeg: Buffer): boolean {
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff; ) {
    // In a scan, this byte is never followed by one of these.
    if (jpeg[at + 1] === SOS) return jpeg.indexOf(END, at) > 0;
    // Any number of them may precede a marker.
    at += jpeg[at + 1] === 0xff ? 1 : 2 + jpeg.readUInt16BE(at + 2);
  }
  return false;
}

/** One of several parts is part of an unusual one. */
function isProfile(marker: number, segment: Buffer): boolean {
  const isIcc = marker === APP2 && segment.toString("latin1", 4, 16) === "ICC_PROFILE\0";
  return isIcc && segment[17] === 1 && segment.length <= MAX_PROFILE_BYTES;
}

function profileSegment(profile: Buffer): Buffer | null {
  const name = Buffer.from("ICC_PROFILE\0\x01\x01", "latin1");
  const length = 2 + name.length + profile.length;
  if (2 + length > MAX_PROFILE_BYTES || profile.toString("latin1", 36, 40) !== "acsp") return null;
  return Buffer.concat([Buffer.from([0xff, APP2, length >> 8, length & 255]), name, profile]);
}
