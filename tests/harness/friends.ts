import { body } from "./http-client.ts";
import type { Person, Scenario } from "./scenario.ts";

/** Friends are people who follow each other. */
export async function befriend(one: Person, other: Person): Promise<void> {
  body(await one.put(`/users/${other.id}/follow`), 204);
  body(await other.put(`/users/${one.id}/follow`), 204);
}

/** Two new people who are friends. */
export async function friendsAt(server: Pick<Scenario, "register">) {
  const [one, other] = await Promise.all([server.register(), server.register()]);
  await befriend(one, other);
  return [one, other] as const;
}
