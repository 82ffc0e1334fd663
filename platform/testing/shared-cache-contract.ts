import { expect, test } from "vitest";
import type { Caches } from "../cache/caches.ts";

/** What every shared cache keeps to. */
export function sharedCacheContract(open: () => Promise<Pick<Caches, "shared">>): void {
  test("a shared cache loads what it does not know, and remembers neither failures nor what is not there", async () => {
    const cache = (await open()).shared("authors", { max: 10, ttlMs: 3_600_000 });
    let loads = 0;
    const get = (find: () => Promise<string | undefined>) =>
      cache.get("1", () => {
        loads++;
        return find();
      });
    await expect(get(() => Promise.reject(new Error("away")))).rejects.toThrow("away");
    expect(await get(async () => undefined)).toBeUndefined();
    expect(await get(async () => "ada")).toBe("ada");
    expect(await get(async () => "ben")).toBe("ada");
    expect(loads).toBe(3);
  });

  test("shared caches of different names do not mix, and one name belongs to one cache", async () => {
    const caches = await open();
    const [authors, titles] = ["authors", "titles"].map((name) =>
      caches.shared(name, { max: 10, ttlMs: 3_600_000 }),
    );
    expect(await authors!.get("1", async () => "ada")).toBe("ada");
    expect(await titles!.get("1", async () => "豆芽")).toBe("豆芽");
    expect(await authors!.get("1", async () => undefined)).toBe("ada");
    expect(() => caches.shared("authors", { max: 1, ttlMs: 1 })).toThrow(
      /two caches with the name "authors"/,
    );
  });
}
