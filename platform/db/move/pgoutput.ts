/** What PostgreSQL's plugin pgoutput says of committed transactions (protocol version 1, values as text). */
export type Change =
  | { kind: "commit"; end: bigint }
  | { kind: "insert"; table: ReplicatedTable; row: Tuple }
  | { kind: "update"; table: ReplicatedTable; before: Tuple | undefined; row: Tuple }
  | { kind: "delete"; table: ReplicatedTable; before: Tuple }
  | { kind: "truncate"; tables: ReplicatedTable[] };

export interface ReplicatedTable {
  name: string;
  columns: { name: string; isKey: boolean }[];
  /** It has no key: all of a row is told of what was there before. */
  isWhole: boolean;
}

/** By column; undefined: a large value that was not changed and is not told. */
export type Tuple = (string | null | undefined)[];

/** Reads messages in their order: those that describe tables come before the changes of these. */
export function pgoutputReader(): (message: Buffer) => Change | undefined {
  const tables = new Map<number, ReplicatedTable>();
  return (message) => {
    const read = cursorOver(message);
    const tableAt = () => tables.get(read.int32())!;
    switch (read.letter()) {
      case "C":
        read.skip(1 + 8);
        return { kind: "commit", end: read.int64() };
      case "R":
        tables.set(...relation(read));
        return undefined;
      case "I": {
        const table = tableAt();
        read.skip(1);
        return { kind: "insert", table, row: read.tuple() };
      }
      case "U": {
        const table = tableAt();
        const before = read.letter() === "N" ? undefined : read.tuple();
        if (before) read.skip(1);
        return { kind: "update", table, before, row: read.tuple() };
      }
      case "D": {
        const table = tableAt();
        read.skip(1);
        return { kind: "delete", table, before: read.tuple() };
      }
      case "T": {
        const count = read.int32();
        read.skip(1);
        return { kind: "truncate", tables: Array.from({ length: count }, tableAt) };
      }
      default:
        // The begin of a transaction, types, origins.
        return undefined;
    }
  };
}

type Cursor = ReturnType<typeof cursorOver>;

function relation(read: Cursor): [number, ReplicatedTable] {
  const id = read.int32();
  read.text();
  const name = read.text();
  const isWhole = read.letter() === "f";
  const columns = Array.from({ length: read.int16() }, () => {
    const isKey = read.int8() === 1;
    const column = { name: read.text(), isKey };
    read.skip(4 + 4);
    return column;
  });
  return [id, { name, columns, isWhole }];
}

function cursorOver(message: Buffer) {
  let at = 0;
  const take = (bytes: number) => {
    at += bytes;
    return at - bytes;
  };
  const read = {
    skip: take,
    letter: () => String.fromCharCode(message[take(1)]!),
    int8: () => message.readUInt8(take(1)),
    int16: () => message.readInt16BE(take(2)),
    int32: () => message.readInt32BE(take(4)),
    int64: () => message.readBigInt64BE(take(8)),
    text() {
      const end = message.indexOf(0, at);
      return message.toString("utf8", take(end + 1 - at), end);
    },
    value(): string | null | undefined {
      const kind = read.letter();
      if (kind === "n") return null;
      if (kind === "u") return undefined;
      const length = read.int32();
      const from = take(length);
      return message.toString("utf8", from, from + length);
    },
    tuple: (): Tuple => Array.from({ length: read.int16() }, read.value),
  };
  return read;
}
