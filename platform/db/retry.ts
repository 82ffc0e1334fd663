/**
 * Repeats a whole transaction that PostgreSQL rolled back with one of these codes (55P03: the lock was not available), up
 * to so many attempts.
 */
export async function retryOn<T>(codes: string[], attempts: number, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (attempt === attempts || typeof code !== "string" || !codes.includes(code)) throw error;
    }
  }
}

/** Repeats a whole transaction that PostgreSQL rolled back because of a deadlock. */
export function retryOnDeadlock<T>(work: () => Promise<T>): Promise<T> {
  return retryOn(["40P01"], 5, work);
}
