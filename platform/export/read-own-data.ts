import type { Kysely, PerCall } from "../db/database.ts";
import { requireCaller, type ServedCall } from "../rpc/call.ts";
import type { OwnData } from "./own-data.ts";

/** A post of many pictures is some kilobytes, and a message between processes has 4 MB. */
const pageSize = 100;

/** The RPC ReadOwnData of a module. Of a file that it does not have there is nothing. */
export function readOwnData<Tables>({ files, counts }: OwnData<Tables>, db: PerCall<Kysely<Tables>>) {
  return async (
    { file, after, postIds }: { file: string; after: string; postIds: string[] },
    call: ServedCall,
  ): Promise<{ records: string[] }> => {
    const userId = requireCaller(call);
    const written = (records: readonly unknown[]) => ({
      records: records.map((record) => JSON.stringify(record)),
    });
    if (postIds.length > 0)
      return written([...((await counts?.(db(call), postIds.slice(0, pageSize))) ?? [])]);
    if (file === "") return written(Object.entries(files).map(([name, { about }]) => ({ name, about })));
    const found = Object.hasOwn(files, file) ? files[file] : undefined;
    return written((await found?.page(db(call), userId, after || undefined, pageSize)) ?? []);
  };
}
