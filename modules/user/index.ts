import { UserService } from "#contracts/gen/user_pb.ts";
import { defineModule } from "#platform/module/module.ts";
import { noRateLimit, rateLimit } from "#platform/protect/rate-limit.ts";
import { closingStore } from "./closing-store.ts";
import { followAnswers } from "./consumers.ts";
import { changePassword } from "./handlers/change-password.ts";
import { closeAccount } from "./handlers/close-account.ts";
import { logIn } from "./handlers/log-in.ts";
import { getUsers, setPicture, updateProfile } from "./handlers/profile.ts";
import { refresh } from "./handlers/refresh.ts";
import { register } from "./handlers/register.ts";
import { checkSessions, endSessions, listSessions } from "./handlers/sessions.ts";
import { migrations } from "./migrations.ts";
import { moderatorCommand } from "./moderator-command.ts";
import { createPasswords } from "./passwords.ts";
import { seedUsers } from "./seed.ts";
import { userStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { createTokens } from "./tokens.ts";

export interface UserConfig {
  /** Off for load tests: the queue for hashing stays bounded all the same. */
  limits: boolean;
}

/** Accounts, sessions, keys and profiles. */
export const userModule = defineModule<UserConfig, Tables>()({
  name: "user",
  service: UserService,
  calls: {},
  migrations,
  commands: { moderator: moderatorCommand },
  seed: seedUsers,
  async start({ config, db, ids, events, blobs, media, metrics, log }) {
    const store = userStore(db, events);
    const closings = closingStore(db, events);
    const answers = followAnswers(events, db, closings, (key) => blobs.remove(key));
    const passwords = createPasswords();
    const tokens = await createTokens(store, (error) =>
      log.error({ err: error }, "could not load the signing keys"),
    );
    const limit = (burst: number, perMinute: number) =>
      config.limits ? rateLimit({ burst, perMinute }) : noRateLimit;
    const attempts = { byAddress: limit(30, 30), byName: limit(100, 60) };
    metrics.gauge("douya_password_queue", "Passwords that wait to be hashed", passwords.waiting);
    return {
      handlers: {
        register: register(store, passwords, tokens, ids, limit(20, 10)),
        logIn: logIn(store, passwords, tokens, ids, attempts),
        refresh: refresh(store, tokens, rateLimit({ burst: 5, perMinute: 5 })),
        checkSessions: checkSessions(store),
        listSessions: listSessions(store),
        endSessions: endSessions(store),
        changePassword: changePassword(store, passwords, attempts.byName),
        closeAccount: closeAccount(store, closings, passwords, ids, attempts.byName),
        listPublicKeys: async () => ({ jwks: (await tokens.publicKeys()).map((key) => JSON.stringify(key)) }),
        getUsers: getUsers(store),
        updateProfile: updateProfile(store),
        setPicture: setPicture(store, blobs, media),
      },
      async stop() {
        tokens.stop();
        await answers.stop();
        await passwords.stop();
      },
    };
  },
});
