import type { Composer } from "../composition/composer.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { type ApiUser, toApiUser } from "./present.ts";

/** Those of these people who are found. */
export async function peopleById(
  composer: Composer,
  ids: string[],
  urls: MediaUrls,
  call: PublicCall,
): Promise<ReadonlyMap<string, ApiUser>> {
  const people = await composer.people(ids, call);
  return new Map(people.map((person) => [person.user.id, toApiUser(person, urls)]));
}
