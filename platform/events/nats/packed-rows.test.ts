import { expect, it } from "vitest";
import fc from "#platform/testing/property.ts";
import { intoMessages, packRows, unpackRows } from "./packed-rows.ts";

const row = fc.record({
  partition: fc.nat(255),
  position: fc.nat(2 ** 48).map(String),
  type: fc.string(),
  key: fc.string({ unit: "grapheme" }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  trace_id: fc.option(fc.string()),
  at: fc.date({ noInvalidDate: true }),
});

it("rows are the same after packing and unpacking, and none is left out of the messages", () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 600 }), (rows) => {
      const messages = intoMessages(rows);
      expect(messages.flat()).toEqual(rows);
      for (const message of messages) {
        expect(message.length).toBeLessThanOrEqual(250);
        expect(unpackRows(packRows(message))).toEqual(message);
      }
    }),
    { numRuns: 20 },
  );
});

it("large ones have a message for themselves", () => {
  const [large, small] = [200_000, 10].map((bytes, i) => ({
    ...{ partition: 1, position: String(i), type: "t", key: "k", trace_id: null, at: new Date(0) },
    payload: Buffer.alloc(bytes),
  }));
  const lengths = intoMessages([large!, large!, small!, small!]).map((message) => message.length);
  expect(lengths).toEqual([1, 3]);
});

it("what is no message of rows is nothing", () => {
  const packed = packRows([
    ...[
      {
        partition: 1,
        position: "1",
        type: "t",
        key: "k",
        payload: Buffer.from("p"),
        trace_id: null,
        at: new Date(0),
      },
    ],
  ]);
  for (const bytes of [
    Buffer.from(""),
    Buffer.from("no event"),
    packed.subarray(0, -1),
    Buffer.concat([packed, packed]),
  ])
    expect(unpackRows(bytes)).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => void unpackRows(bytes)));
});
