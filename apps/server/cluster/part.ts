/** A process of a cluster: how it is started, and how one sees that it serves. */
export interface Part {
  name: string;
  role: string;
  /** host:port at which others call it. */
  address: string;
  /** Where it answers /readyz. */
  health?: string;
  program: string;
  args: string[];
  /** DOUYA_…, for our own program. */
  settings?: Record<string, string>;
  serves(): Promise<boolean>;
}

const answerMs = 2_000;

/** Whether there is an answer of success. */
export async function answersOk(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(answerMs) }).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.ok;
    },
    () => false,
  );
}
