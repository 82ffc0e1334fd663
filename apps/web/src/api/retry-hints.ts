import { type Problem, problemOf } from "./problem.ts";

/** Besides reads, what pages ask for by themselves. A person may press a button at any time. */
const RENEWAL = "POST /api/v1/sessions/refresh";

/** When the server wants to be asked again, for each thing that it is asked for. */
export interface RetryHints {
  /** Throws the last refusal, with what is left of its time, until that has passed. */
  check(request: Request): void;
  note(request: Request, response: Response): Promise<void>;
}

/**
 * However many parts of the page want the same thing (a list near its end, polling, a page that is opened anew), none
 * of them asks for it sooner than the server said.
 */
export function createRetryHints(now = () => performance.now()): RetryHints {
  const refused = new Map<string, { problem: Problem; untilMs: number }>();
  return {
    check(request) {
      const last = refused.get(keyOf(request));
      const leftMs = last ? last.untilMs - now() : 0;
      if (last && leftMs > 0) throw last.problem.with({ retryAfterMs: Math.ceil(leftMs) });
    },
    async note(request, response) {
      if (response.status !== 429 && response.status !== 503) return;
      if (request.method !== "GET" && keyOf(request) !== RENEWAL) return;
      const problem = await problemOf(response.clone());
      if (!problem.retryAfterMs) return;
      for (const [key, { untilMs }] of refused) if (untilMs <= now()) refused.delete(key);
      refused.set(keyOf(request), { problem, untilMs: now() + problem.retryAfterMs });
    },
  };
}

/** All pages of a list are one thing. */
function keyOf(request: Request): string {
  return `${request.method} ${new URL(request.url).pathname}`;
}
