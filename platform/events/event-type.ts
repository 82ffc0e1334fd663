import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";

/** What `contracts/events.ts` declares: a fact's name with its version, its message, and the key that keeps its order. */
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
        /** Its place in the log, unique for ever: a decimal string. */
        position: string;
        key: string;
        message: MessageShape<Schema>;
        /** The trace in which it happened. */
        traceId: string | undefined;
        /** When it was written, in Unix milliseconds. */
        atMs: number;
      }
    : never;

/** Adds an event to the transaction under way. */
export type Emit = <Type extends EventType>(
  type: Type,
  message: MessageInitShape<Type["schema"]>,
  traceId?: string,
) => void;
