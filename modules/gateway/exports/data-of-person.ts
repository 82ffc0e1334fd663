import type { PersonData } from "#platform/export/gathered.ts";
import type { NamedPerson, OwnRecord } from "#platform/export/own-data.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { GatewayClients } from "../gateway-calls.ts";

/** At most so many at once: people of a page, and their posts. */
const askedAtOnce = 100;

const modules = ["user", "relation", "video", "interaction", "message", "playback", "moderation"] as const;

/** What the modules keep of a person, asked of each in the person's name. */
export async function dataOfPerson(
  clients: Pick<GatewayClients, (typeof modules)[number]>,
  person: NamedPerson,
  newCall: () => Call,
): Promise<PersonData> {
  const asked = await Promise.all(
    modules.map(async (module) => {
      const { records } = await clients[module].readOwnData({}, newCall());
      return records.map((record) => ({
        ...(JSON.parse(record) as Pick<PersonData["files"][number], "name" | "about">),
        module,
      }));
    }),
  );
  return {
    person,
    files: asked.flat().map(({ name, about, module }) => ({
      ...{ name, about },
      async page(after = "") {
        const { records } = await clients[module].readOwnData({ file: name, after }, newCall());
        return records.map((record) => JSON.parse(record) as OwnRecord);
      },
    })),
    async counts(postIds) {
      const counts = new Map<string, Record<string, number>>(postIds.map((id) => [id, {}]));
      for (const module of ["interaction", "playback"] as const) {
        const { records } = await clients[module].readOwnData({ postIds }, newCall());
        for (const record of records) {
          const [id, counted] = JSON.parse(record) as [string, Record<string, number>];
          counts.set(id, { ...counts.get(id), ...counted });
        }
      }
      return counts;
    },
    async named(ids) {
      const named: NamedPerson[] = [];
      for (let from = 0; from < ids.length; from += askedAtOnce) {
        const { users } = await clients.user.getUsers(
          { ids: ids.slice(from, from + askedAtOnce) },
          newCall(),
        );
        named.push(...users.map(({ id, username, name }) => ({ id, username, name })));
      }
      return named;
    },
  };
}
