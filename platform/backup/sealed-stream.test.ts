import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { DamagedStream, openStream, sealedBytes, sealStream } from "./sealed-stream.ts";

const secret = "a secret of this test";
const chunk = 64 * 1024;

async function* inPieces(bytes: Buffer, piece: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
}
const seal = (plain: Buffer, name = "a", piece = 50_000) =>
  buffer(sealStream(secret, name, inPieces(plain, piece)));
const open = (sealed: Buffer, name = "a", key = secret, piece = 70_000) =>
  buffer(openStream(key, name, inPieces(sealed, piece)));

test.each([
  0,
  1,
  chunk - 1,
  chunk,
  chunk + 1,
  3 * chunk,
  200_000,
])("what %i bytes become is as long as was said, and is opened again in any pieces", async (size) => {
  const plain = randomBytes(size);
  const sealed = await seal(plain);
  expect(sealed).toHaveLength(sealedBytes(size));
  for (const piece of [1 + (size >> 3), chunk + 16, sealed.length])
    expect((await open(sealed, "a", secret, piece)).equals(plain)).toBe(true);
});

test("of another name, or with another secret, it does not open", async () => {
  const sealed = await seal(randomBytes(100));
  await expect(open(sealed, "b")).rejects.toThrow(DamagedStream);
  await expect(open(sealed, "a", "another")).rejects.toThrow(DamagedStream);
});

test("whatever is changed, cut off, added, or exchanged, nothing wrong is read", async () => {
  const plain = randomBytes(3 * chunk);
  const sealed = await seal(plain);
  const whole = chunk + 16;
  const head = sealed.length - 3 * whole;
  const part = (at: number) => sealed.subarray(head + at * whole, head + (at + 1) * whole);
  const start = sealed.subarray(0, head);
  for (const order of [[1, 0, 2], [0, 1], [0, 2], [0, 1, 1, 2], [0, 1, 2, 2], []])
    await expect(open(Buffer.concat([start, ...order.map(part)]))).rejects.toThrow(DamagedStream);
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const changed = Buffer.from(sealed);
      changed[at]! ^= by;
      await expect(open(changed)).rejects.toThrow(DamagedStream);
      await expect(open(sealed.subarray(0, at))).rejects.toThrow(DamagedStream);
    }),
    { numRuns: 30 },
  );
});
