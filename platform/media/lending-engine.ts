import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import type { Account } from "./confinement.ts";
import type { MediaEngine, Run, SourceFile } from "./media-engine.ts";

/** The first descriptor of a child after its input, output and errors. */
const FIRST_FD = 3;
const name = (position: number) => `/proc/self/fd/${FIRST_FD + position}`;

interface Lent {
  source: SourceFile;
  output: string;
  run: Run;
}

/**
 * An engine whose decoders run as another account, which cannot open our files. They get the files they need as open
 * descriptors, named by /proc/self/fd, where they can be opened again from the start. Linux only.
 */
export function createLendingEngine(engine: MediaEngine, account: Account): MediaEngine {
  async function lend<T>(
    source: SourceFile,
    run: Run,
    use: (lent: Lent) => Promise<T>,
    output?: string,
  ): Promise<T> {
    const files: FileHandle[] = [];
    const fds: number[] = [];
    /** Children started from now on have it, under this name. */
    function hand(file: FileHandle): string {
      fds.push(file.fd);
      return name(files.push(file) - 1);
    }
    async function scratch(): Promise<string> {
      const path = `${source.path}.${randomUUID()}.scratch`;
      const file = await open(path, "wx+", 0o600);
      const named = hand(file);
      // It disappears with the last process that has it open.
      await rm(path);
      await file.chown(account.uid, account.gid);
      return named;
    }
    let made: FileHandle | undefined;
    try {
      const original = await open(source.path);
      const lent = {
        source: { ...source, path: hand(original) },
        output: "",
        run: { ...run, lent: { fds, scratch } },
      };
      await makeReadable(original, account);
      if (output !== undefined) {
        made = await open(output, "w+", 0o600);
        lent.output = hand(made);
        await made.chown(account.uid, account.gid);
      }
      return await use(lent);
    } finally {
      await made?.chown(process.geteuid!(), process.getegid!());
      for (const file of files) await file.close();
    }
  }

  return {
    name: engine.name,
    inspect: (source, run) => lend(source, run, (lent) => engine.inspect(lent.source, lent.run)),
    survey: (source, options, run) =>
      lend(source, run, (lent) => engine.survey(lent.source, options, lent.run)),
    decodable: (source, streams, run) =>
      lend(source, run, (lent) => engine.decodable(lent.source, streams, lent.run)),
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

/** Readable for the account's group; its owner stays, and so do the folders that keep others out. */
async function makeReadable(file: FileHandle, { gid }: Account): Promise<void> {
  const { uid, gid: group, mode } = await file.stat();
  if (mode & 0o004 || (group === gid && mode & 0o040)) return;
  await file.chown(uid, gid);
  await file.chmod((mode & 0o777) | 0o040);
}
