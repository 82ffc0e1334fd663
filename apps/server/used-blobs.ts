import type { Kysely } from "#platform/db/database.ts";
import type { BlobUses, UsedBlob } from "#platform/module/module.ts";
import type { Databases } from "./open-databases.ts";
import { modulesOf } from "./targets.ts";

const pageSize = 500;

// biome-ignore lint/suspicious/noExplicitAny: each module has tables of its own.
type Uses = BlobUses<any>;
/** With what it takes to look again. */
export interface Used extends UsedBlob {
  uses: Uses;
  // biome-ignore lint/suspicious/noExplicitAny: each module has tables of its own.
  db: Kysely<any>;
}

/** All blobs that modules use, in pages. */
export async function* usedIn(databases: Databases): AsyncGenerator<Used[]> {
  for (const { module } of modulesOf("all")) {
    const uses: Uses | undefined = module.blobUses;
    if (!uses) continue;
    const db = databases.of(module.name).of(module.name);
    for (let after = ""; ; ) {
      const page = await uses.list(db, after, pageSize);
      yield page.map((used) => ({ ...used, uses, db }));
      const last = page.at(-1);
      if (page.length < pageSize || !last) break;
      after = last.key;
    }
  }
}

export const isNamedBy = (key: string, sha256: string) => key.includes(`/${sha256}.`);
