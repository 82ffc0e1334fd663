import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** Whom the entries of a conversation go to. */
export async function audienceOf(
  _on: Queryable<Tables>,
  lowId: string,
  highId: string,
): Promise<readonly string[]> {
  return [lowId, highId];
}

/** What a person calls the conversation. */
export function conversationOf(userId: string, lowId: string, highId: string): string {
  return userId === highId ? lowId : highId;
}

/** For whom the messages that a person sees are indexed: themselves, and their groups. */
export async function ownersOf(_on: Queryable<Tables>, userId: string): Promise<readonly string[]> {
  return [userId];
}
