export type BrowserStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * `localStorage` or `sessionStorage`, or memory if the browser refuses it: with site data blocked even reading the
 * property throws. Written values stay readable in this page if the real storage is full or cleared.
 */
export function browserStorage(open: () => BrowserStorage): BrowserStorage {
  const kept = new Map<string, string>();
  const attempt = <Result>(work: (storage: BrowserStorage) => Result): Result | undefined => {
    try {
      return work(open());
    } catch {
      return undefined;
    }
  };
  return {
    getItem: (key) => kept.get(key) ?? attempt((storage) => storage.getItem(key)) ?? null,
    setItem(key, value) {
      const stored = attempt((storage) => {
        storage.setItem(key, value);
        return true;
      });
      if (stored) kept.delete(key);
      else kept.set(key, value);
    },
    removeItem(key) {
      kept.delete(key);
      attempt((storage) => storage.removeItem(key));
    },
  };
}
