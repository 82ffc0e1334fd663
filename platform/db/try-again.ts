/**
 * Does work once more when PostgreSQL has rolled it back with one of these codes (55P03: a lock was not given), at
 * most so many times in all. The work is a whole transaction.
 */
export async function tryAgain<T>(codes: string[], attempts: number, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (attempt === attempts || typeof code !== "string" || !codes.includes(code)) throw error;
    }
  }
}

/** Does a whole transaction again that PostgreSQL has rolled back because it waited in a circle with others. */
export function despiteDeadlocks<T>(work: () => Promise<T>): Promise<T> {
  return tryAgain(["40P01"], 5, work);
}
