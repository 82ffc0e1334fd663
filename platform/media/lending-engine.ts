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
  outputs: string[];
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
    ...outputs: string[]
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
    const made: FileHandle[] = [];
    try {
      const original = await open(source.path);
      const lent: Lent = {
        source: { ...source, path: hand(original) },
        output: "",
        outputs: [],
        run: { ...run, lent: { fds, scratch } },
      };
      await makeReadable(original, account);
      for (const output of outputs) {
        const file = await open(output, "w+", 0o600);
        made.push(file);
        lent.outputs.push(hand(file));
        await file.chown(account.uid, account.gid);
      }
      lent.output = lent.outputs[0] ?? "";
      return await use(lent);
    } finally {
      for (const file of made) await file.chown(process.geteuid!(), process.getegid!());
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
    loudness: (job, run) =>
      lend(job.source, run, (lent) => engine.loudness({ ...job, source: lent.source }, lent.run)),
    sample: (job, run) =>
      lend(job.source, run, (lent) => engine.sample({ ...job, source: lent.source }, lent.run)),
    still: (job, run) =>
      lend(
        job.source,
        run,
        ({ run: lentRun, ...lent }) => engine.still({ ...job, ...lent }, lentRun),
        job.output,
      ),
    convert: ({ samples, ...job }, run, onProgress) =>
      lend(
        job.source,
        run,
        ({ source, outputs: [output, sampled], run: lentRun }) => {
          const also = samples && { samples: { ...samples, output: sampled! } };
          return engine.convert({ ...job, source, output: output!, ...also }, lentRun, onProgress);
        },
        job.output,
        ...(samples ? [samples.output] : []),
      ),
    // It gets no file.
    ...(engine.tryEncoder && { tryEncoder: engine.tryEncoder }),
    ladder: (job, run) =>
      lend(
        job.source,
        run,
        ({ source, outputs, run: lentRun }) => {
          const rungs = job.rungs.map((rung, at) => ({ ...rung, output: outputs[at]! }));
          return engine.ladder({ ...job, source, rungs }, lentRun);
        },
        ...job.rungs.map(({ output }) => output),
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
