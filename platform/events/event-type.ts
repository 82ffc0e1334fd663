import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";

/** A type of event in `contracts/events.ts`: its name with version, its message, and the key within which order is kept. */
export interface EventType<Name extends string = string, Schema extends DescMessage = DescMessage> {
  readonly name: Name;
  readonly schema: Schema;
  key(message: MessageShape<Schema>): string;
}

/** An event as a consumer gets it; narrow by `type`. */
export type EventOf<Type extends EventType> =
  Type extends EventType<infer Name, infer Schema>
    ? {
        type: Name;
        /** Its position in the log, unique forever: a decimal string. */
        position: string;
        key: string;
        message: MessageShape<Schema>;
        /** The trace in which it happened: that of the request from which it follows. */
        traceId: string;
        /** Time of writing, in Unix milliseconds. */
        atMs: number;
      }
    : never;

/** Adds an event to the current transaction; `traceId` when it happened in another trace than the transaction. */
export type Emit = <Type extends EventType>(
  type: Type,
  message: MessageInitShape<Type["schema"]>,
  traceId?: string,
) => void;
