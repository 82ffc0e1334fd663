import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import { deadlineExceeded } from "#platform/rpc/call.ts";
import { localSignals } from "#platform/signals/signals.ts";
import { createResumableIntake } from "./resumable-intake.ts";

const content = Buffer.from("....ftypisom and the rest of a film");
const sha256 = createHash("sha256").update(content).digest("hex");

test("a file that takes longer than its sender waits is hashed once, and finished for whoever asks again", async () => {
  const dir = await mkdtemp(join(tmpdir(), "douya-intake-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const blobs = await diskBlobStore(dir);
  const upload = { id: "7", partial: await blobs.partialName(), sizeBytes: content.length, expiresAtMs: 1 };
  const finish = vi.fn(async (_request: object) => ({}));
  // As a service that gives no call longer than half a minute.
  finish.mockRejectedValueOnce(deadlineExceeded());
  const video = {
    getResumableUpload: async () => upload,
    lockResumableUpload: async () => upload,
    unlockResumableUpload: async () => ({ exists: true }),
    finishResumableUpload: finish,
  };
  const announced = { receivePiece: (_from: object, receive: () => Promise<number>) => receive() };
  const protect = embeddedProtection({ limits: true, metrics: createMetrics() });
  const intake = createResumableIntake(blobs, video as never, announced as never, localSignals(), protect);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { adopt } = blobs;
  const slow = vi.spyOn(blobs, "adopt").mockImplementation(async (name, signal) => {
    await released;
    return adopt(name, signal);
  });

  const call = (forMs: number) => ({
    callerId: "1",
    traceId: randomUUID().replaceAll("-", ""),
    deadlineMs: Date.now() + forMs,
  });
  const piece = { source: Readable.from([content]), at: 0, checksum: undefined };
  const from = { person: "1", address: "::1", sizeBytes: content.length };
  const impatient = intake.append("7", piece, from, () => call(50));
  await expect(impatient).rejects.toMatchObject({ kind: "deadline" });
  await expect(intake.progress("7", call(50))).rejects.toMatchObject({ kind: "deadline" });
  const patient = intake.progress("7", call(30_000));
  release();
  expect(await patient).toMatchObject({ offset: content.length });
  expect(slow).toHaveBeenCalledTimes(1);
  expect(finish.mock.calls.map(([request]) => request)).toEqual([
    { id: "7", sha256 },
    { id: "7", sha256 },
  ]);
  await intake.stop();
});
