/** The profiles of screens and cameras have some 500 to 4,000 bytes. */
const MAX_PROFILE_BYTES = 8 * 1024;
const [SOI, SOS, APP0, APP2, APP15, COM] = [0xd8, 0xda, 0xe0, 0xe2, 0xef, 0xfe];

/**
 * A JPEG without all that is no picture: no Exif, no XMP, no comment, whatever an encoder takes over from its source.
 * Its colour profile stays if that has a usual size. null if it is none.
 */
export function onlyPicture(jpeg: Buffer): Buffer | null {
  if (jpeg[0] !== 0xff || jpeg[1] !== SOI) return null;
  const kept: Buffer[] = [jpeg.subarray(0, 2)];
  for (let at = 2; at + 4 <= jpeg.length; ) {
    if (jpeg[at] !== 0xff) return null;
    const marker = jpeg[at + 1]!;
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (marker === SOS) return Buffer.concat([...kept, jpeg.subarray(at)]);
    const segment = jpeg.subarray(at, end);
    if (marker === APP0 || isProfile(marker, segment)) kept.push(segment);
    else if (!(marker > APP0 && marker <= APP15) && marker !== COM) kept.push(segment);
    at = end;
  }
  return null;
}

/** One of several parts is part of an unusual one. */
function isProfile(marker: number, segment: Buffer): boolean {
  const isIcc = marker === APP2 && segment.toString("latin1", 4, 16) === "ICC_PROFILE\0";
  return isIcc && segment[17] === 1 && segment.length <= MAX_PROFILE_BYTES;
}
