import { type Api, take } from "../api/client.ts";
import { problemOf } from "../api/problem.ts";
import type { User } from "../api/types.ts";
import type { Choice } from "./image-choice.ts";

interface Changes {
  name: string;
  signature: string;
  avatar: Choice;
  background: Choice;
}
type Send = (request: Request) => Promise<Response>;

async function saveImage(send: Send, part: "avatar" | "background", choice: Choice): Promise<User | null> {
  if (choice === undefined) return null;
  const method = choice ? "PUT" : "DELETE";
  const headers: HeadersInit = choice ? { "content-type": choice.type } : {};
  const response = await send(new Request(`/api/v1/me/${part}`, { method, headers, body: choice }));
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as User;
}

/** Sends what changed, texts first: they are refused most often. Returns the updated person. */
export async function saveProfile(api: Api, send: Send, user: User, changes: Changes): Promise<User> {
  const { name, signature } = changes;
  let saved = user;
  if (name !== user.name || signature !== user.signature) {
    saved = await take(api.PATCH("/api/v1/me", { body: { name, signature } }));
  }
  saved = (await saveImage(send, "avatar", changes.avatar)) ?? saved;
  return (await saveImage(send, "background", changes.background)) ?? saved;
}
