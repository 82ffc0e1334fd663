import { entitiesOf } from "#platform/text/entities.ts";
import { nameKey } from "#platform/text/text-rules.ts";

/** Hashtags, and mentions of people who are there. */
export function toEntities(text: string, mentions: ReadonlyMap<string, string>) {
  return entitiesOf(text)
    .map((entity) => ({
      ...entity,
      userId: entity.kind === "mention" ? (mentions.get(nameKey(entity.name)) ?? null) : null,
    }))
    .filter(({ kind, userId }) => kind === "hashtag" || userId !== null);
}
