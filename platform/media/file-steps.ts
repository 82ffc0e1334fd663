import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { ChildFailed } from "./child-run.ts";
import { refusals } from "./refusals.ts";

/** Reading strangers' files and leaving whole ones, or none. */

export async function openSource(path: string): Promise<{ handle: FileHandle; sizeBytes: number }> {
  const handle = await open(path);
  const { size } = await handle.stat();
  if (size > 0) return { handle, sizeBytes: size };
  await handle.close();
  throw refusals.emptyFile();
}

export async function readFirst(handle: FileHandle, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}

export async function hasContent(path: string): Promise<boolean> {
  return await stat(path).then(
    ({ size }) => size > 0,
    () => false,
  );
}

/** Runs a step whose failure is caused by the media; the engine's own words stay as the cause, for the log. */
export async function blaming<T>(refusal: () => Error, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ChildFailed)) throw error;
    throw Object.assign(refusal(), { cause: error });
  }
}

/** Leaves either a complete output or none. */
export async function replacing<T>(output: string, refusal: () => Error, step: () => Promise<T>): Promise<T> {
  await rm(output, { force: true });
  try {
    return await blaming(refusal, step);
  } catch (error) {
    await rm(output, { force: true });
    throw error;
  }
}
