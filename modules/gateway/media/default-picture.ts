import { createHash } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";

/** Few enough to keep every picture ever drawn, however many are requested. */
const variants = 256;

/** A symmetric pattern of squares on a soft gradient, always the same for the same person. */
export const defaultAvatar = drawnOnce((variant) => {
  const seed = createHash("sha256").update(`avatar ${variant}`).digest();
  const hue = (seed[0]! / 256) * 360;
  const ramp = gradient(hsl(hue, 0.55, 0.86), hsl(hue + 30, 0.6, 0.93));
  const palette = [...ramp, hsl(hue + 10, 0.55, 0.42)];
  const dark = palette.length - 1;
  return drawPng(240, 240, palette, (y, row) => {
    drawGradientRow(row, ramp.length, y, 240 + 240);
    const line = Math.floor((y - 45) / 30);
    if (line < 0 || line >= 5) return;
    for (let column = 0; column < 5; column++) {
      const mirrored = column > 2 ? 4 - column : column;
      if (seed[1 + line * 3 + mirrored]! % 2 === 1) row.fill(dark, 45 + column * 30, 75 + column * 30);
    }
  });
});

/** A gradient of two colours. */
export const defaultBackground = drawnOnce((variant) => {
  const seed = createHash("sha256").update(`background ${variant}`).digest();
  const hue = (seed[0]! / 256) * 360;
  const ramp = gradient(hsl(hue, 0.45, 0.35), hsl(hue + 60 + seed[1]! / 4, 0.5, 0.55));
  return drawPng(320, 180, ramp, (y, row) => {
    drawGradientRow(row, ramp.length, Math.round((y * 320) / 180), 320 + 320);
  });
});

/** Anybody may request the picture of any id: many ids share a picture, so the work is bounded. */
function drawnOnce(draw: (variant: number) => Buffer): (id: string) => Buffer {
  const drawn: (Buffer | undefined)[] = [];
  return (id) => {
    const variant = createHash("sha256").update(id).digest().readUInt32BE() % variants;
    drawn[variant] ??= draw(variant);
    return drawn[variant];
  };
}

type Colour = readonly [number, number, number];

/** Enough shades that no edge is visible between them, and few enough for a palette. */
const shades = 64;

function gradient(from: Colour, to: Colour): Colour[] {
  return Array.from({ length: shades }, (_, i) => {
    const at = (c: number) => Math.round(from[c]! + ((to[c]! - from[c]!) * i) / (shades - 1));
    return [at(0), at(1), at(2)];
  });
}

/** The part of a diagonal gradient over `length` pixels that begins at `offset`. */
function drawGradientRow(row: Buffer, steps: number, offset: number, length: number): void {
  for (let x = 0; x < row.length; x++) row[x] = Math.floor(((x + offset) * steps) / length);
}

function hsl(hue: number, saturation: number, lightness: number): Colour {
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const a = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** A minimal PNG encoder: a palette of at most 256 colours, one chunk of data. */
function drawPng(
  width: number,
  height: number,
  palette: readonly Colour[],
  drawRow: (y: number, row: Buffer) => void,
): Buffer {
  const rows = Buffer.alloc(height * (1 + width));
  for (let y = 0; y < height; y++) {
    const from = y * (1 + width) + 1;
    drawRow(y, rows.subarray(from, from + width));
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flat())),
    // The lowest level: a few hundred bytes more for a fraction of the time.
    chunk("IDAT", deflateSync(rows, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
