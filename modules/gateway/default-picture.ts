import { createHash } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";

/** A symmetric pattern of squares on a soft gradient, different for everybody and always the same. */
export function defaultAvatar(id: string): Buffer {
  const seed = createHash("sha256").update(`avatar ${id}`).digest();
  const hue = (seed[0]! / 256) * 360;
  const light = hsl(hue, 0.55, 0.86);
  const lighter = hsl(hue + 30, 0.6, 0.93);
  const dark = hsl(hue + 10, 0.55, 0.42);
  return drawPng(240, 240, (x, y) => {
    const column = Math.floor((x - 45) / 30);
    const row = Math.floor((y - 45) / 30);
    const inside = column >= 0 && column < 5 && row >= 0 && row < 5;
    const mirrored = column > 2 ? 4 - column : column;
    if (inside && seed[1 + row * 3 + mirrored]! % 2 === 1) return dark;
    return mix(light, lighter, (x + y) / 480);
  });
}

/** Two colours that flow into each other. */
export function defaultBackground(id: string): Buffer {
  const seed = createHash("sha256").update(`background ${id}`).digest();
  const hue = (seed[0]! / 256) * 360;
  const from = hsl(hue, 0.45, 0.35);
  const to = hsl(hue + 60 + seed[1]! / 4, 0.5, 0.55);
  return drawPng(320, 180, (x, y) => mix(from, to, (x / 320 + y / 180) / 2));
}

type Colour = readonly [number, number, number];

function mix(a: Colour, b: Colour, part: number): Colour {
  return [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * part)) as unknown as Colour;
}

function hsl(hue: number, saturation: number, lightness: number): Colour {
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const a = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** The smallest PNG encoder that does: 8-bit RGB, one chunk of data. */
function drawPng(width: number, height: number, colourAt: (x: number, y: number) => Colour): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(colourAt(x, y), y * (1 + width * 3) + 1 + x * 3);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
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
