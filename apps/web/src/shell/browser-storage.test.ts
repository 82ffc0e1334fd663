import { expect, test } from "vitest";
import { browserStorage } from "./browser-storage.ts";

function realStorage() {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

test("browser storage is read and written", () => {
  const real = realStorage();
  const storage = browserStorage(() => real);
  storage.setItem("a", "1");
  expect(real.getItem("a")).toBe("1");
  real.setItem("a", "2");
  expect(storage.getItem("a")).toBe("2");
  storage.removeItem("a");
  expect(real.getItem("a")).toBeNull();
  expect(storage.getItem("a")).toBeNull();
});

test("memory is used if the browser refuses storage", () => {
  const storage = browserStorage(() => {
    throw new DOMException("Access is denied for this document.", "SecurityError");
  });
  expect(storage.getItem("a")).toBeNull();
  storage.setItem("a", "1");
  expect(storage.getItem("a")).toBe("1");
  storage.removeItem("a");
  expect(storage.getItem("a")).toBeNull();
});

test("a full storage keeps what is new in memory, until there is room", () => {
  const real = realStorage();
  let full = true;
  const storage = browserStorage(() => ({
    ...real,
    setItem(key, value) {
      if (full) throw new DOMException("Quota", "QuotaExceededError");
      real.setItem(key, value);
    },
  }));
  real.setItem("a", "old");
  storage.setItem("a", "new");
  expect(storage.getItem("a")).toBe("new");
  full = false;
  storage.setItem("a", "newer");
  expect(real.getItem("a")).toBe("newer");
});
