import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { greyPixels } from "#platform/testing/grey-pixels.ts";
import { createMetrics } from "../observe/metrics.ts";
import { embeddedProtection } from "../protect/embedded-protection.ts";
import { type HeifPlan, heifOfTiles } from "../testing/heif-file.ts";
import { patienceMs } from "../testing/patience.ts";
import { bundleMediaWorker } from "./bundle-worker.ts";
import { createMediaTool } from "./create-media-tool.ts";
import { createFfmpegEngine } from "./ffmpeg-engine.ts";
import { findLack } from "./find-media-tool.ts";
import { sniffPostPicture } from "./magic.ts";
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from "./media-limits.ts";
import { mediaQueue } from "./media-queue.ts";
import type { Media } from "./media-tool.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";
import { readPictureHeader } from "./picture-header.ts";

const LIMITS = { ...DEFAULT_MEDIA_LIMITS, probeTimeoutMs: patienceMs, stillTimeoutMs: patienceMs };
const PROGRAMS = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" };
const repository = fileURLToPath(new URL("../../", import.meta.url));
const worker = join(repository, "build", "test", `media-worker-${randomUUID()}.js`);
const options = { signal: new AbortController().signal };
const because = (reason: string) => expect.objectContaining({ name: "DomainError", reason });
const own = (name: string) => readFile(join(repository, "platform/media/testdata", name));
const boxes = [
  { maxWidthPx: 60, maxHeightPx: 60 },
  { maxWidthPx: 30, maxHeightPx: 30 },
];

let directory: string;
let lack: string | null;
beforeAll(async () => {
  await bundleMediaWorker(worker);
  lack = await findLack(PROGRAMS, LIMITS);
  directory = await mkdtemp(join(tmpdir(), "pictures-"));
});
afterAll(async () => {
  await rm(worker, { force: true });
  await rm(directory, { recursive: true, force: true });
});
async function written(content: Buffer): Promise<string> {
  const path = join(directory, randomUUID());
  await writeFile(path, content);
  return path;
}

/** The last property of the whole becomes one that readers must know. */
function essential(file: Buffer): Buffer {
  const ipma = file.indexOf("ipma", 0, "latin1") + 8 + 4 + 2;
  const count = file[ipma]!;
  file[ipma + count]! |= 0x80;
  return file;
}

/** Exif with nothing but an orientation. */
function exif(orientation: number): Buffer {
  const tiff = Buffer.from("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0", "latin1");
  tiff.writeUInt16LE(orientation, 18);
  return tiff;
}

/** The same lossless WebP in the extended form, with Exif behind it. */
function turnedWebp(still: Buffer, orientation: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const head = Buffer.alloc(8);
    head.write(type, 0, "latin1");
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
  };
  const size = readPictureHeader("webp", still)!;
  const header = Buffer.alloc(10);
  header[0] = 0x08;
  header.writeUIntLE(size.width - 1, 4, 3);
  header.writeUIntLE(size.height - 1, 7, 3);
  const parts = [chunk("VP8X", header), still.subarray(12), chunk("EXIF", exif(orientation))];
  return chunk("RIFF", Buffer.concat([Buffer.from("WEBP"), ...parts]));
}

/** 3 x 2 tiles, of which only the one at the upper right is bright, with the edges cut. */
async function ofTiles(properties: (readonly [string, Buffer])[] = [], more: Partial<HeifPlan> = {}) {
  const [bright, dark] = [await own("bright.heic"), await own("dark.heic")];
  const size = { columns: 3, rows: 2, width: 180, height: 120, tileWidth: 64, tileHeight: 64 };
  return heifOfTiles({ tiles: [dark, dark, bright, dark, dark, dark], ...size, properties, ...more });
}

async function avifOfTiles(properties: (readonly [string, Buffer])[] = []) {
  const tile = await own("bright-left.avif");
  const size = { columns: 2, rows: 2, width: 180, height: 120, tileWidth: 96, tileHeight: 64 };
  return heifOfTiles({ tiles: [tile, tile, tile, tile], ...size, properties, brand: "avif" });
}

/** The first picture of a film in HEVC, as a file that `heifOfTiles` takes. */
async function firstPicture(name: string): Promise<Buffer> {
  const film = await own(name);
  const box = (type: string) => film.indexOf(type, 0, "latin1") + 4;
  const hvcC = box("hvcC") - 8;
  const bytes = film.readUInt32BE(box("stsz") + 12);
  return Buffer.concat([
    film.subarray(hvcC, hvcC + film.readUInt32BE(hvcC)),
    Buffer.from("mdat"),
    film.subarray(box("mdat"), box("mdat") + bytes),
  ]);
}

/** Numbers of ISO/IEC 23091-2. */
function nclx(primaries: number, transfer: number, matrix: number, full = 0): Buffer {
  const data = Buffer.alloc(11);
  data.write("nclx", "latin1");
  data.writeUInt16BE(primaries, 4);
  data.writeUInt16BE(transfer, 6);
  data.writeUInt16BE(matrix, 8);
  data[10] = full;
  return data;
}

/** Where a picture is bright: upper left, upper right, lower left, lower right. */
function quartersOf(jpeg: Buffer, width: number, height: number): string[] {
  const grey = greyPixels(jpeg);
  const at = (x: number, y: number) => grey[Math.floor(height * y) * width + Math.floor(width * x)]!;
  const names = ["upper left", "upper right", "lower left", "lower right"];
  const corners = [at(0.1, 0.1), at(0.9, 0.1), at(0.1, 0.9), at(0.9, 0.9)];
  return names.filter((_, i) => corners[i]! > 128);
}

describe.each(["ffmpeg", "node-av"] as const)("%s", (name) => {
  const toolWith = (limits: Partial<MediaLimits> = {}): Media => {
    const all = { ...LIMITS, ...limits };
    const engine = name === "ffmpeg" ? createFfmpegEngine(PROGRAMS, all) : createNodeAvEngine(worker, all);
    return createMediaTool(engine, all);
  };
  const tool = toolWith();
  const outputs = () => boxes.map((box) => ({ ...box, output: join(directory, randomUUID()) }));

  test.each([
    ["a JPEG", "jpeg", () => own("bright-left.jpg"), [96, 64]],
    ["a transparent PNG", "png", () => own("half.png"), [96, 64]],
    ["a WebP", "webp", () => own("half.webp"), [96, 64]],
    ["a WebP on its side", "webp", async () => turnedWebp(await own("half.webp"), 6), [64, 96]],
    ["a HEIC", "heic", () => own("bright-left.heic"), [96, 64]],
    ["a HEIC of tiles, cut at its edges", "heic", () => ofTiles(), [180, 120]],
    ["a HEIC of tiles on its side", "heic", () => ofTiles([["irot", Buffer.from([1])]]), [120, 180]],
    ["an AVIF of tiles", "avif", () => avifOfTiles(), [180, 120]],
    ["an AVIF", "avif", () => own("bright-left.avif"), [96, 64]],
    ["an AVIF on its side", "avif", () => avifOfTiles([["irot", Buffer.from([1])]]), [120, 180]],
  ] as const)("%s is measured and made smaller, upright", async (_name, format, make, [width, height]) => {
    if (lack && name === "ffmpeg") return;
    const input = await written(await make());
    const info = await tool.pictureInfo(input, options);
    expect(info).toMatchObject({ picture: format, width, height });
    const drafts = outputs();
    const sizes = await tool.pictureSizes(input, drafts, info, options);
    const [long, short] = [60, 40];
    const wanted = width > height ? { width: long, height: short } : { width: short, height: long };
    expect(sizes).toEqual([wanted, { width: wanted.width / 2, height: wanted.height / 2 }]);
    for (const [at, { output }] of drafts.entries())
      expect(readPictureHeader("jpeg", await readFile(output))).toMatchObject(sizes[at]!);
  });

  test.each([
    ["as stored", [], {}, ["upper right"]],
    ["turned by a quarter", [["irot", 1]], {}, ["upper left"]],
    ["turned by half", [["irot", 2]], {}, ["lower left"]],
    ["turned by three quarters", [["irot", 3]], {}, ["lower right"]],
    ["flipped top to bottom", [["imir", 0]], {}, ["lower right"]],
    ["flipped left to right", [["imir", 1]], {}, ["upper left"]],
    [
      "turned, then flipped",
      [
        ["irot", 1],
        ["imir", 0],
      ],
      {},
      ["lower left"],
    ],
    [
      "flipped, then turned",
      [
        ["imir", 0],
        ["irot", 1],
      ],
      {},
      ["upper right"],
    ],
  ] as const)("the tiles of a HEIC lie as they should: %s", async (_name, turns, more, bright) => {
    if (lack) return;
    const properties = turns.map(([type, value]) => [type, Buffer.from([value])] as const);
    const input = await written(await ofTiles(properties, more));
    const info = await tool.pictureInfo(input, options);
    const drafts = outputs();
    const [size] = await tool.pictureSizes(input, drafts, info, options);
    const jpeg = await readFile(drafts[0]!.output);
    expect(quartersOf(jpeg, size!.width, size!.height)).toEqual(bright);
    const avatar = join(directory, randomUUID());
    await tool.picture(input, avatar, { ...options, maxWidthPx: 64, maxHeightPx: 64, crop: true });
    expect(quartersOf(await readFile(avatar), 64, 64)).toEqual(bright);
  });

  test.each([
    ["a HEIC of tiles", [], ["upper right"]],
    ["a HEIC of tiles, turned", [["irot", 1]], ["upper left"]],
    ["a HEIC of tiles, flipped", [["imir", 0]], ["lower right"]],
  ] as const)("what is see-through in %s is white, and not what it hides", async (_name, turns, bright) => {
    if (lack) return;
    const [light, dark] = [await own("bright.heic"), await own("dark.heic")];
    const properties = turns.map(([type, value]) => [type, Buffer.from([value])] as const);
    const tiles = Array.from({ length: 6 }, () => dark);
    const file = await ofTiles(properties, { tiles, alpha: [light, light, dark, light, light, light] });
    await expectBright(await written(file), bright);
  });

  test("what is see-through in an AVIF is white, and not what it hides", async () => {
    if (lack) return;
    const tile = await own("bright-left.avif");
    const size = { columns: 1, rows: 1, width: 96, height: 64, tileWidth: 96, tileHeight: 64 };
    const plan = { tiles: [tile], ...size, brand: "avif" } as const;
    await expectBright(await written(heifOfTiles(plan)), ["upper left", "lower left"]);
    const all = ["upper left", "upper right", "lower left", "lower right"];
    await expectBright(await written(heifOfTiles({ ...plan, alpha: [tile] })), all);
  });

  /** As a picture of a post, and of a person. */
  async function expectBright(input: string, bright: readonly string[]) {
    const drafts = outputs();
    const [size] = await tool.pictureSizes(input, drafts, await tool.pictureInfo(input, options), options);
    const jpeg = await readFile(drafts[0]!.output);
    expect(quartersOf(jpeg, size!.width, size!.height)).toEqual(bright);
    const avatar = join(directory, randomUUID());
    await tool.picture(input, avatar, { ...options, maxWidthPx: 64, maxHeightPx: 64, crop: true });
    expect(quartersOf(await readFile(avatar), 64, 64)).toEqual(bright);
  }

  test("a HEIC whose brightness is above the standard range looks like a film of the same picture", async () => {
    if (lack) return;
    const film = join(repository, "platform/media/testdata/hdr.mp4");
    const [rendition, frame] = [join(directory, randomUUID()), join(directory, randomUUID())];
    const probed = await tool.probe(film, options);
    const { info } = await tool.rendition(film, rendition, probed, { maxShortSidePx: 720, ...options });
    await tool.frame(rendition, frame, info, { atMs: 0, ...options });
    const size = { columns: 1, rows: 1, width: 128, height: 72, tileWidth: 128, tileHeight: 72 };
    const profile = Buffer.alloc(548, "p");
    profile.write("acsp", 36, "latin1");
    const told = Buffer.concat([Buffer.from("prof"), profile]);
    const heic = async (...colr: Buffer[]) => {
      const properties = colr.map((data) => ["colr", data] as const);
      const tiles = [await firstPicture("hdr.mp4")];
      const input = await written(heifOfTiles({ tiles, ...size, properties }));
      const drafts = [{ output: join(directory, randomUUID()), maxWidthPx: 128, maxHeightPx: 128 }];
      await tool.pictureSizes(input, drafts, await tool.pictureInfo(input, options), options);
      return readFile(drafts[0]!.output);
    };
    const wanted = greyPixels(await readFile(frame));
    const unlike = (jpeg: Buffer) => {
      const grey = greyPixels(jpeg);
      expect(grey.length).toBe(wanted.length);
      return wanted.reduce((sum, value, at) => sum + Math.abs(value - grey[at]!), 0) / wanted.length;
    };
    const asItIs = unlike(await heic(nclx(9, 1, 9)));
    const mapped = await heic(nclx(9, 18, 9), told);
    // The film was made smaller, and loses some of its edges.
    expect(unlike(mapped)).toBeLessThan(asItIs / 2);
    // Of other colours than it has now.
    expect(mapped.includes(profile)).toBe(false);
    // What both transfers were made for is assumed where the picture does not say it.
    expect(unlike(await heic(nclx(2, 18, 2)))).toBeLessThan(asItIs / 2);
  });

  test("a HEIC's colours come along, and nothing else of what it tells", async () => {
    if (lack && name === "ffmpeg") return;
    const place = Buffer.from("Exif\0\0 at the gate");
    const profile = Buffer.alloc(548, "p");
    profile.write("acsp", 36, "latin1");
    const colr = Buffer.concat([Buffer.from("prof"), profile]);
    const input = await written(await ofTiles([["colr", colr]], { exif: place }));
    const drafts = outputs();
    await tool.pictureSizes(input, drafts, await tool.pictureInfo(input, options), options);
    const made = await readFile(drafts[0]!.output);
    expect([made.includes(profile), made.includes("Exif"), made.includes("gate")]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("a HEIC that is not what it says is refused, and nothing is left of it", async () => {
    if (lack && name === "ffmpeg") return;
    const before = await readdir(directory);
    const whole = await ofTiles();
    const tiles = Array.from({ length: 50 }, () => Buffer.alloc(0));
    const cases: [string, Buffer, string][] = [
      ["of 60,000 x 60,000", await ofTiles([], { width: 60_000, height: 60_000 }), "PICTURE_DAMAGED"],
      [
        "of 60,000 x 60,000 in tiles that fit",
        await ofTiles([], { width: 60_000, height: 60_000, tileWidth: 20_000, tileHeight: 30_000 }),
        "PICTURE_TOO_LARGE",
      ],
      ["with tiles of another size", await ofTiles([], { tileWidth: 66 }), "PICTURE_DAMAGED"],
      ["with a tile too few", await ofTiles([], { columns: 4, width: 240 }), "PICTURE_DAMAGED"],
      ["of tiles that nobody sees", await ofTiles([], { width: 60 }), "PICTURE_DAMAGED"],
      ["of 16 x 17 tiles", await ofTiles([], { columns: 16, rows: 17 }), "PICTURE_UNSUPPORTED"],
      [
        "with an unknown essential",
        essential(await ofTiles([["lsel", Buffer.from([0, 0])]])),
        "PICTURE_UNSUPPORTED",
      ],
      ["that is cropped to nothing", await ofTiles([["clap", Buffer.alloc(32)]]), "PICTURE_DAMAGED"],
      [
        "of empty tiles",
        await ofTiles([], { tiles: [await own("dark.heic"), ...tiles.slice(0, 5)] }),
        "PICTURE_DAMAGED",
      ],
      [
        "whose transparency lacks tiles",
        await ofTiles([], { alpha: [await own("dark.heic"), ...tiles.slice(0, 5)] }),
        "PICTURE_DAMAGED",
      ],
    ];
    for (let tenth = 1; tenth < 10; tenth++) {
      const end = Math.floor((whole.length * tenth) / 10);
      cases.push([`cut off after ${end} bytes`, whole.subarray(0, end), "PICTURE_DAMAGED"]);
    }
    for (const [what, file, reason] of cases) {
      const input = await written(file);
      await expect(tool.pictureInfo(input, options), what).rejects.toEqual(because(reason));
      await rm(input);
    }
    expect(await readdir(directory)).toEqual(before);
  });

  test("of what a camera tells, the colours alone stay", async () => {
    if (lack && name === "ffmpeg") return;
    const segment = (marker: number, data: Buffer) => {
      const head = Buffer.from([0xff, marker, 0, 0]);
      head.writeUInt16BE(data.length + 2, 2);
      return Buffer.concat([head, data]);
    };
    const still = await own("bright-left.jpg");
    const profile = Buffer.concat([Buffer.from("ICC_PROFILE\0\x01\x01", "latin1"), Buffer.alloc(560)]);
    profile.writeUInt32BE(560, 14);
    profile.write("acsp", 14 + 36, "latin1");
    const place = "at the gate";
    const told = Buffer.concat([
      still.subarray(0, 2),
      segment(0xe1, Buffer.concat([Buffer.from("Exif\0\0", "latin1"), exif(6), Buffer.from(place)])),
      segment(0xe2, profile),
      segment(0xfe, Buffer.from(place)),
      still.subarray(2),
    ]);
    const input = await written(told);
    const drafts = outputs();
    await tool.pictureSizes(input, drafts, await tool.pictureInfo(input, options), options);
    for (const { output } of drafts) {
      const made = await readFile(output);
      expect([made.includes("ICC_PROFILE"), made.includes("Exif"), made.includes(place)]).toEqual([
        true,
        false,
        false,
      ]);
    }
  });

  test("what a picture may cost is limited before it is decoded", async () => {
    if (lack && name === "ffmpeg") return;
    const jpeg = await written(await own("bright-left.jpg"));
    const avif = await written(await own("bright-left.avif"));
    const few = toolWith({ maxPicturePixels: 96 * 64 - 1 });
    for (const path of [jpeg, avif])
      await expect(few.pictureInfo(path, options)).rejects.toEqual(because("PICTURE_TOO_LARGE"));
    const small = toolWith({ maxPictureBytes: 100 });
    await expect(small.pictureInfo(jpeg, options)).rejects.toEqual(because("BODY_TOO_LARGE"));
    const square = toolWith({ maxPictureRatio: 1.4 });
    for (const path of [jpeg, avif])
      await expect(square.pictureInfo(path, options)).rejects.toEqual(because("PICTURE_SHAPE"));
    // A script that goes by a picture's name is read by none of the decoders of pictures.
    const fake = await written(
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.from("#EXTM3U\nfile:///")]),
    );
    await expect(tool.pictureInfo(fake, options)).rejects.toEqual(because("PICTURE_DAMAGED"));
    const film = await written(await own("compliant.mp4"));
    await expect(tool.pictureInfo(film, options)).rejects.toEqual(because("NOT_A_PICTURE"));
  });

  test.each([
    "bright-left.jpg",
    "half.png",
    "half.webp",
    "bright-left.avif",
    "bright-left.heic",
  ])("%s is refused wherever it is cut off", async (file) => {
    if (lack && name === "ffmpeg") return;
    const whole = await own(file);
    for (let tenth = 1; tenth < 10; tenth++) {
      const left = Math.floor((whole.length * tenth) / 10);
      const reason = left < 12 ? "NOT_A_PICTURE" : "PICTURE_DAMAGED";
      const input = await written(whole.subarray(0, left));
      await expect(tool.pictureInfo(input, options), `${left} bytes`).rejects.toEqual(because(reason));
    }
  });

  test("a film in the clothes of an AVIF is no picture", async () => {
    if (lack && name === "ffmpeg") return;
    const film = await own("compliant.mp4");
    film.write("avif", 8, "latin1");
    await expect(tool.pictureInfo(await written(film), options)).rejects.toEqual(because("PICTURE_DAMAGED"));
  });
});

test("the kinds that posts do not take are told by their first bytes", async () => {
  const named = (text: string) => sniffPostPicture(Buffer.from(text, "latin1"));
  expect(sniffPostPicture(await own("moving.gif"))).toBe("gif");
  expect(named("\0\0\0\x18ftypheic\0\0\0\0mif1heic")).toBe("heic");
  expect(named("\0\0\0\x18ftypmif1\0\0\0\0mif1heic")).toBe("heic");
  expect(named("\0\0\0\x18ftyphevc\0\0\0\0hevcheic")).toBe("moving");
  expect(named("\0\0\0\x18ftypmif1\0\0\0\0mif1avif")).toBe("avif");
  expect(named("\0\0\0\x18ftypavis\0\0\0\0avisavif")).toBe("moving");
  expect(named("RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\0\0\0\0\0\0")).toBe("moving");
  expect(sniffPostPicture(await own("half.webp"))).toBe("webp");
  expect(sniffPostPicture(await own("compliant.mp4"))).toBeNull();
});

test("people whose pictures are looked at take turns, however many one of them sends", async () => {
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const slow = {
    pictureInfo: (_file: string, { person = "" }: { person?: string }) => {
      began.push(person);
      return new Promise((resolve) => ends.push(() => resolve(undefined)));
    },
  } as unknown as Media;
  const protect = embeddedProtection({ limits: true, metrics: createMetrics() });
  const bounds = { help: "A test", concurrency: 1, perKey: 1, maxWaiting: 9, maxWaitingPerKey: 9 };
  const queue = mediaQueue(slow, protect.fairQueue("a_test", { ...bounds, maxWaitMs: patienceMs }));
  const all = ["eve", "eve", "eve", "ada"].map((person) => queue.pictureInfo("", { ...options, person }));
  for (let done = 0; done < all.length; done++) {
    await expect.poll(() => ends.length).toBe(done + 1);
    ends[done]!();
  }
  await Promise.all(all);
  expect(began).toEqual(["eve", "ada", "eve", "eve"]);
});
