import { openDatabase } from "#platform/db/database.ts";
import { createLog } from "#platform/observe/log.ts";
import type { Person, Scenario } from "./scenario.ts";

/** As `douya moderator` does, without a start of the program. */
export async function setRole(server: Scenario, { id }: Person, role: "member" | "moderator"): Promise<void> {
  const database = openDatabase(server.deployment.databaseUrlOf("user"), { log: createLog("silent") });
  try {
    await database.pool.query(`update "user".account set role = $2 where id = $1`, [id, role]);
  } finally {
    await database.close();
  }
}

/** Somebody new, logged in as a moderator. */
export async function moderatorAt(server: Scenario): Promise<Person> {
  const person = await server.register();
  await setRole(server, person, "moderator");
  return server.logIn(person.username, person.password);
}
