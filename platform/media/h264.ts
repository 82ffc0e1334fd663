/** The part of H.264 (ITU-T H.264, 7.3) that decides whether a stream can be copied. */

const SEI = 6;
const SEQUENCE_PARAMETERS = 7;
/** Baseline, Main, High: what every browser decodes. */
const USUAL_PROFILES = new Set([66, 77, 100]);
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const HIGHEST_LEVEL = 52;

/** How samples of an MP4, Matroska or FLV file are cut into units (ISO/IEC 14496-15, 5.3.3.1). */
export interface AvcSettings {
  /** The size of the length field before each unit. */
  lengthBytes: number;
  sequences: Buffer[];
}

export function readAvcSettings(extradata: Buffer): AvcSettings | null {
  if (extradata.length < 7 || extradata[0] !== 1) return null;
  const sequences: Buffer[] = [];
  let at = 6;
  for (let left = extradata[5]! & 31; left > 0 && at + 2 <= extradata.length; left--) {
    const length = extradata.readUInt16BE(at);
    sequences.push(Buffer.from(extradata.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return { lengthBytes: (extradata[4]! & 3) + 1, sequences };
}

/** The sequence parameters among the units of a sample. */
export function sequencesIn(sample: Buffer, lengthBytes: number): Buffer[] {
  return unitsOf(sample, lengthBytes)
    .filter(({ type }) => type === SEQUENCE_PARAMETERS)
    .map(({ from, end }) => Buffer.from(sample.subarray(from + lengthBytes, end)));
}

/** A sample without its messages (SEI), or the same one if it has none. */
export function withoutMessages(sample: Buffer, lengthBytes: number): Buffer {
  const units = unitsOf(sample, lengthBytes);
  const kept = units.filter(({ type }) => type !== SEI);
  if (kept.length === units.length || kept.length === 0) return sample;
  return Buffer.concat(kept.map(({ from, end }) => sample.subarray(from, end)));
}

function unitsOf(sample: Buffer, lengthBytes: number): { type: number; from: number; end: number }[] {
  const units: { type: number; from: number; end: number }[] = [];
  for (let from = 0; from + lengthBytes < sample.length; ) {
    const end = Math.min(sample.length, from + lengthBytes + sample.readUIntBE(from, lengthBytes));
    units.push({ type: sample[from + lengthBytes]! & 31, from, end });
    from = end;
  }
  return units;
}

/** Splits a byte stream (Annex B) into its units. */
export function splitByteStream(stream: Buffer): Buffer[] {
  const units: Buffer[] = [];
  const startCode = Buffer.from([0, 0, 1]);
  for (let at = stream.indexOf(startCode); at >= 0; ) {
    const next = stream.indexOf(startCode, at + 3);
    let end = next < 0 ? stream.length : next;
    while (end > at + 3 && stream[end - 1] === 0) end -= 1;
    units.push(stream.subarray(at + 3, end));
    at = next;
  }
  return units;
}

/** Whether pictures of these sequence parameters are whole frames of 8-bit 4:2:0 that every browser decodes. */
export function isPlainSequence(unit: Buffer): boolean {
  const bits = new BitReader(unit.subarray(1));
  const profile = bits.read(8);
  bits.read(8);
  const level = bits.read(8);
  bits.golomb();
  if (!USUAL_PROFILES.has(profile) || level > HIGHEST_LEVEL) return false;
  if (HIGH_PROFILES.has(profile)) {
    const [chroma, lumaDepth, chromaDepth] = [bits.golomb(), bits.golomb(), bits.golomb()];
    if (chroma !== 1 || lumaDepth !== 0 || chromaDepth !== 0) return false;
    bits.read(1);
    const lists = bits.read(1) === 1 ? [16, 16, 16, 16, 16, 16, 64, 64] : [];
    for (const size of lists) if (bits.read(1) === 1) skipScaling(bits, size);
  }
  bits.golomb();
  const orderType = bits.golomb();
  if (orderType === 0) bits.golomb();
  if (orderType === 1) {
    bits.read(1);
    bits.golomb();
    bits.golomb();
    for (let left = Math.min(255, bits.golomb()); left > 0; left--) bits.golomb();
  }
  bits.golomb();
  bits.read(1);
  bits.golomb();
  bits.golomb();
  const framesOnly = bits.read(1) === 1;
  return framesOnly && !bits.exhausted;
}

function skipScaling(bits: BitReader, size: number): void {
  let last = 8;
  for (let at = 0; at < size; at++) {
    const code = bits.golomb();
    const delta = code % 2 === 1 ? (code + 1) / 2 : -code / 2;
    last = (last + delta + 256) % 256;
    if (last === 0) return;
  }
}

class BitReader {
  private readonly bytes: number[];
  private at = 0;

  /** Removes the bytes that keep start codes from appearing in a unit. */
  constructor(unit: Uint8Array) {
    this.bytes = [...unit].filter(
      (byte, at) => !(byte === 3 && at >= 2 && unit[at - 1] === 0 && unit[at - 2] === 0),
    );
  }

  get exhausted(): boolean {
    return this.at > this.bytes.length * 8;
  }

  read(count: number): number {
    let value = 0;
    for (let left = count; left > 0; left--, this.at++)
      value = value * 2 + (((this.bytes[this.at >> 3] ?? 0) >> (7 - (this.at & 7))) & 1);
    return value;
  }

  /** An unsigned number of variable length (9.1). */
  golomb(): number {
    let zeros = 0;
    while (zeros < 32 && !this.exhausted && this.read(1) === 0) zeros += 1;
    return 2 ** zeros - 1 + this.read(zeros);
  }
}
