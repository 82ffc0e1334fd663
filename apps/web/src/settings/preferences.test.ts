import { expect, it } from "vitest";
import { createPreferences } from "./preferences.ts";

it("two tabs keep what the other has chosen", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  const [one, other] = [createPreferences(storage), createPreferences(storage)];
  one.set({ language: "zh" });
  other.set({ sound: true });
  expect(createPreferences(storage).get()).toMatchObject({ language: "zh", sound: true });
});
