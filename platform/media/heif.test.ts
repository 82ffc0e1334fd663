import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { heifOfTiles } from "../testing/heif-file.ts";
import { readHeif, type Tiles, writeStream } from "./heif.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "heif-"));
});
afterAll(() => rm(dir, { recursive: true }));

async function opened<T>(content: Buffer, use: (handle: Awaited<ReturnType<typeof open>>) => Promise<T>) {
  const path = join(dir, "picture");
  await writeFile(path, content);
  const handle = await open(path);
  return use(handle).finally(() => handle.close());
}
const dark = () => readFile(new URL("testdata/dark.heic", import.meta.url));

/** How many bytes become text meanwhile: types of boxes are texts, too. */
async function textBytes(work: () => Promise<unknown>): Promise<number> {
  const { toString: convert } = Buffer.prototype;
  let bytes = 0;
  Buffer.prototype.toString = function (this: Buffer, encoding?: BufferEncoding, from = 0, to = this.length) {
    bytes += to - from;
    return convert.call(this, encoding, from, to);
  };
  await work().finally(() => {
    Buffer.prototype.toString = convert;
  });
  return bytes;
}

test("thousands of references to one long property are read as often as they are there", async () => {
  const name = Buffer.from("\0\0\0\0urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
  const file = heifOfTiles({
    tiles: [await dark()],
    ...{ columns: 1, rows: 1, width: 64, height: 64, tileWidth: 64, tileHeight: 64 },
    properties: [["auxC", Buffer.concat([name, Buffer.alloc(900_000, "x")])]],
    references: Array.from({ length: 4000 }, () => ["auxl", 1, 99] as const),
  });
  await opened(file, async (handle) => {
    expect(await textBytes(() => readHeif(handle, file))).toBeLessThan(500_000);
    expect(await readHeif(handle, file)).toMatchObject({ width: 64, alpha: null });
  });
});

test("a tile of more units than a picture has slices is refused", async () => {
  const tile = Buffer.from("\x01\x02".repeat(1_000_000), "latin1");
  const size = { width: 64, height: 64 };
  const tiles: Tiles = {
    ...{ codec: "hevc", columns: 1, rows: 1, tile: size, crop: { x: 0, y: 0, ...size }, colours: null },
    ...{ tiles: [[{ at: 0, bytes: tile.length }]], parameters: [], lengthBytes: 1 },
  };
  const write = opened(tile, (handle) => writeStream(handle, tiles, join(dir, "out")));
  await expect(write).rejects.toMatchObject({ reason: "PICTURE_DAMAGED" });
});
