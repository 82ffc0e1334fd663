import { createListeners } from "../api/listeners.ts";

const KEY = "douya.drafts";

/** Unsent texts by place; they outlive pages and a login, not the window. */
export function createDrafts(storage: Pick<Storage, "getItem" | "setItem" | "removeItem">) {
  function all(): Record<string, string> {
    try {
      return JSON.parse(storage.getItem(KEY) ?? "{}") as Record<string, string>;
    } catch {
      return {};
    }
  }
  const changes = createListeners();
  return {
    subscribe: changes.add,
    get: (where: string): string => all()[where] ?? "",
    set(where: string, text: string) {
      const { [where]: _, ...others } = all();
      storage.setItem(KEY, JSON.stringify(text ? { ...others, [where]: text } : others));
      changes.call();
    },
    clear() {
      storage.removeItem(KEY);
      changes.call();
    },
  };
}

export type Drafts = ReturnType<typeof createDrafts>;
