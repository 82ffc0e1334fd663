import { fromBinary } from "@bufbuild/protobuf";
import { newTraceId } from "../../observe/trace-context.ts";
import type { EventOf, EventType } from "../event-type.ts";

/** An event as it is stored. */
export interface LogRow {
  partition: number;
  position: string;
  type: string;
  key: string;
  payload: Buffer;
  trace_id: string | null;
  at: Date;
}

export function decode<Type extends EventType>(row: LogRow, types: ReadonlyMap<string, Type>): EventOf<Type> {
  const type = types.get(row.type);
  if (!type) throw new Error(`the group does not listen to ${row.type} any more`);
  const event: EventOf<EventType> = {
    type: row.type,
    position: row.position,
    key: row.key,
    message: fromBinary(type.schema, row.payload),
    // Events of earlier releases have none.
    traceId: row.trace_id ?? newTraceId(),
    atMs: row.at.getTime(),
  };
  return event as EventOf<Type>;
}
