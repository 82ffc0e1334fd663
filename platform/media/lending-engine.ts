import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import type { Account } from "./confinement.ts";
import type { MediaEngine, Run, SourceFile } from "./media-engine.ts";

/** The first that a child has beside its input, output and errors. */
const FIRST_FD = 3;
const name = (position: number) => `/proc/self/fd/${FIRST_FD + position}`;

interface Lent {
  source: SourceFile;
  output: string;
  run: Run;
}

/**
 * An engine whose decoders run as another account, which can open nothing of ours: they are handed what they need,
 * open, and name it by /proc/self/fd, where it can be opened again from its start. Linux only.
 */
export function createLendingEngine(engine: MediaEngine, account: Account): MediaEngine {
  async function lend<T>(
    source: SourceFile,
    run: Run,
    use: (lent: Lent) => Promise<T>,
    output?: string,
  ): Promise<T> {
    const files: FileHandle[] = [];
    try {
      const original = await open(source.path);
      files.push(original);
      await makeReadable(original, account);
      const scratch = `${source.path}.${randomUUID()}.scratch`;
      files.push(await open(scratch, "wx+", 0o600));
      // Whatever happens it is gone with the last who has it open.
      await rm(scratch);
      await files[1]!.chown(account.uid, account.gid);
      if (output !== undefined) {
        const made = await open(output, "w+", 0o600);
        files.push(made);
        await made.chown(account.uid, account.gid);
      }
      const lent = { fds: files.map((file) => file.fd), scratch: name(1) };
      return await use({ source: { ...source, path: name(0) }, output: name(2), run: { ...run, lent } });
    } finally {
      await files[2]?.chown(process.geteuid!(), process.getegid!());
      for (const file of files) await file.close();
    }
  }

  return {
    name: engine.name,
    inspect: (source, run) => lend(source, run, (lent) => engine.inspect(lent.source, lent.run)),
    survey: (source, options, run) =>
      lend(source, run, (lent) => engine.survey(lent.source, options, lent.run)),
    hear: (source, stream, run) => lend(source, run, (lent) => engine.hear(lent.source, stream, lent.run)),
    light: (source, stream, run) => lend(source, run, (lent) => engine.light(lent.source, stream, lent.run)),
    sequences: (source, stream, run) =>
      lend(source, run, (lent) => engine.sequences(lent.source, stream, lent.run)),
    sample: (job, run) =>
      lend(job.source, run, (lent) => engine.sample({ ...job, source: lent.source }, lent.run)),
    still: (job, run) =>
      lend(
        job.source,
        run,
        ({ run: lentRun, ...lent }) => engine.still({ ...job, ...lent }, lentRun),
        job.output,
      ),
    convert: (job, run, onProgress) =>
      lend(
        job.source,
        run,
        ({ run: lentRun, ...lent }) => engine.convert({ ...job, ...lent }, lentRun, onProgress),
        job.output,
      ),
  };
}

/** To the account's group; who else it belongs to, and the folders that keep others out, stay as they are. */
async function makeReadable(file: FileHandle, { gid }: Account): Promise<void> {
  const { uid, gid: group, mode } = await file.stat();
  if (mode & 0o004 || (group === gid && mode & 0o040)) return;
  await file.chown(uid, gid);
  await file.chmod((mode & 0o777) | 0o040);
}
