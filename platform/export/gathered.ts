import type { BothLanguages, NamedPerson, OwnRecord } from "./own-data.ts";

/** Where what modules keep of one person is read, wherever they are. */
export interface PersonData {
  person: NamedPerson;
  files: readonly {
    name: string;
    about: BothLanguages;
    page(after: string | undefined): Promise<readonly OwnRecord[]>;
  }[];
  counts(postIds: string[]): Promise<Map<string, Record<string, number>>>;
  named(ids: string[]): Promise<NamedPerson[]>;
}

/** A record as it is written, but for its media. */
export type GatheredRecord = Record<string, unknown>;

/** All records of a file in pages, with names and counts. */
export async function* gather(
  data: PersonData,
  file: PersonData["files"][number],
): AsyncGenerator<{ record: GatheredRecord; media: NonNullable<OwnRecord["media"]> }[]> {
  let after: string | undefined;
  for (;;) {
    const page = await file.page(after);
    const last = page.at(-1);
    if (!last) return;
    const posts = page.flatMap(({ post }) => post ?? []);
    const ids = new Set(page.flatMap(({ people = {} }) => Object.values(people).filter((id) => id !== null)));
    const [counts, named] = await Promise.all([
      posts.length > 0 ? data.counts(posts) : new Map<string, Record<string, number>>(),
      ids.size > 0 ? data.named([...ids]) : [],
    ]);
    const people = new Map(named.map((person) => [person.id, person]));
    // Whose account is gone has no name any more.
    const whoIs = (id: string | null) => (id === null ? null : (people.get(id) ?? { id }));
    yield page.map(({ fields, people: who = {}, media = [], post }) => ({
      record: {
        ...fields,
        ...Object.fromEntries(Object.entries(who).map(([field, id]) => [field, whoIs(id)])),
        ...(post !== undefined && { counts: counts.get(post) ?? {} }),
      },
      media,
    }));
    after = last.key;
  }
}
