import { expect, test } from "vitest";
import type { Caches } from "../cache/caches.ts";

const hour = { max: 10, ttlMs: 3_600_000 };

/** What every shared cache keeps to. */
export function sharedCacheContract(open: () => Promise<Pick<Caches, "shared">>): void {
  test("a shared cache loads what it does not know, and remembers neither failures nor what is not there", async () => {
    const cache = (await open()).shared("authors", hour);
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

  test("that nothing is there is remembered where it is asked for, until it is forgotten", async () => {
    const cache = (await open()).shared("authors", { ...hour, absentMs: 3_600_000 });
    expect(await cache.get("1", async () => undefined)).toBeUndefined();
    expect(await cache.get("1", async () => "ada")).toBeUndefined();
    await cache.forget("1");
    expect(await cache.get("1", async () => "")).toBe("");
    expect(await cache.get("1", async () => "ada")).toBe("");
  });

  test("those who ask at the same time share one load, and its failure", async () => {
    const cache = (await open()).shared("authors", hour);
    let loads = 0;
    const failing = Array.from({ length: 50 }, () =>
      cache.get("1", async () => {
        loads++;
        throw new Error("away");
      }),
    );
    const failed = await Promise.allSettled(failing);
    expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(["rejected"]));
    const asked = Array.from({ length: 50 }, () => cache.get("1", async () => `${++loads}`));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["2"]));
  });

  test("what is forgotten is loaded again, and a load from before does not bring it back", async () => {
    const cache = (await open()).shared("authors", hour);
    expect(await cache.get("1", async () => "ada")).toBe("ada");
    await cache.forget("1");
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let end = (_: string) => {};
    const old = cache.get("1", () => {
      begin();
      return new Promise((resolve) => {
        end = resolve;
      });
    });
    await begun;
    await cache.forget("1");
    const fresh = cache.get("1", async () => "new");
    expect(await fresh).toBe("new");
    end("old");
    expect(await old).toBe("old");
    expect(await cache.get("1", async () => "again")).toBe("new");
  });

  test("shared caches of different names do not mix, and one name belongs to one cache", async () => {
    const caches = await open();
    const [authors, titles] = ["authors", "titles"].map((name) => caches.shared(name, hour));
    expect(await authors!.get("1", async () => "ada")).toBe("ada");
    expect(await titles!.get("1", async () => "豆芽")).toBe("豆芽");
    expect(await authors!.get("1", async () => undefined)).toBe("ada");
    expect(() => caches.shared("authors", hour)).toThrow(/two caches with the name "authors"/);
  });
}
