import type { Rolldown } from "vite";

/**
 * One file for what the page needs at its beginning: many small ones compress worse, by a twelfth of all. `entry` itself
 * stays alone, since it waits for the texts while pages that are loaded later need what is in here.
 */
export function firstLoad(entry: string): Rolldown.CodeSplittingNameFunction {
  let needed: Set<string> | undefined;
  return (id, context) => {
    needed ??= reachedFrom(entry, (from) => context.getModuleInfo(from)?.importedIds ?? []);
    return needed.has(id) ? "first" : null;
  };
}

/** Without the entry. */
function reachedFrom(entry: string, importsOf: (id: string) => readonly string[]): Set<string> {
  const found = new Set(importsOf(entry));
  for (const id of found) for (const next of importsOf(id)) found.add(next);
  found.delete(entry);
  return found;
}
