import { afterAll, beforeAll, beforeEach } from "vitest";
import { findProgram } from "./find-program.ts";

/**
 * Starts an engine before the tests of this file or `describe`, and removes it afterwards; skips them where one of its
 * programs is not on the PATH. `name` is what the report of the suite calls what was lacking.
 */
export function withEngine<Engine extends { remove(): Promise<void> }>(
  name: string,
  programs: readonly [string, ...string[]],
  start: () => Promise<Engine>,
): () => Engine {
  const isHere = programs.every((program) => findProgram(program) !== undefined);
  let engine: Engine | undefined;
  beforeAll(async () => {
    if (isHere) engine = await start();
  });
  beforeEach((context) => {
    if (isHere) return;
    context.task.meta.lacks = name;
    context.skip(`needs ${programs.join(", ")} on the PATH`);
  });
  afterAll(() => engine?.remove());
  return () => engine!;
}
