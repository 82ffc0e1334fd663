import type { Metadata } from "@grpc/grpc-js";
import { ranks } from "../protect/shedding.ts";

const name = "douya-line";

/** Tells a caller which calls of this method are turned away now: those of a lower rank. */
export function tellLine(trailers: Metadata, line: number): void {
  trailers.set(name, String(line));
}

/** The line in these trailers; undefined when they have none that can be believed. */
export function lineIn(trailers: Metadata): number | undefined {
  const line = Number(trailers.get(name)[0] ?? Number.NaN);
  return Number.isInteger(line) && line >= 0 && line < ranks ? line : undefined;
}
