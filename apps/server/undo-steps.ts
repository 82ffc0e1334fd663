import type { Logger } from "#platform/observe/log.ts";

/** What takes back the steps of a start: at the stop, or when a later step fails. */
export interface UndoSteps {
  push(step: () => Promise<void>): void;
  /** The last one first, each once, whatever another one does. */
  stop(): Promise<void>;
}

/**
 * Runs `start`, and takes back what it has done if it fails. Once `stopping` has fired, it fails with that signal's
 * reason, whatever it has failed with.
 */
export async function startOrUndo<T>(
  log: Logger,
  stopping: AbortSignal,
  start: (undo: UndoSteps) => Promise<T>,
): Promise<T> {
  const steps: (() => Promise<void>)[] = [];
  const undo: UndoSteps = {
    push: (step) => void steps.push(step),
    async stop() {
      for (const step of steps.splice(0).reverse())
        await step().catch((error) => log.error({ err: error }, "a step of stopping failed"));
    },
  };
  try {
    return await start(undo);
  } catch (error) {
    await undo.stop();
    stopping.throwIfAborted();
    throw error;
  }
}
