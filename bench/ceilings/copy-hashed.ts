import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { answerQuestions } from "../worker.ts";

export interface HashedCopy {
  from: string;
  to: string;
  /** Whether the copy must survive a power cut, as an acknowledged upload must. */
  durable: boolean;
}

const blockBytes = 1024 * 1024;

/** Reads, hashes and writes a file block by block; returns the milliseconds that took. */
answerQuestions(async ({ from, to, durable }: HashedCopy): Promise<number> => {
  const startedMs = performance.now();
  const source = await open(from, "r");
  const target = await open(to, "w");
  try {
    const hash = createHash("sha256");
    const block = Buffer.allocUnsafe(blockBytes);
    for (;;) {
      const { bytesRead } = await source.read(block, 0, blockBytes);
      if (bytesRead === 0) break;
      const part = block.subarray(0, bytesRead);
      hash.update(part);
      await target.write(part);
    }
    hash.digest();
    if (durable) await target.sync();
  } finally {
    await source.close();
    await target.close();
  }
  return performance.now() - startedMs;
});
