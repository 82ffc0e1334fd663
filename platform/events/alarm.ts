/** What a background loop sleeps by: it wakes when somebody rings, also if they rang while it was busy. */
export interface Alarm {
  ring(): void;
  /** Resolves when rung or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void>;
}

export function createAlarm(): Alarm {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(timeoutMs) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      wake = undefined;
      rung = false;
    },
  };
}
