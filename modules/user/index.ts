import { UserService } from "#contracts/gen/user_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { readOwnData } from "#platform/export/read-own-data.ts";
import { defineModule } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import { sealedBy } from "#platform/seal/key-seal.ts";
import { accountStore } from "./account-store.ts";
import { commonPasswords } from "./common-passwords.ts";
import { consumeDeletionOutcomes } from "./consumers.ts";
import { deletionRequestStore } from "./deletion-request-store.ts";
import { exportStore } from "./export-store.ts";
import { changePassword } from "./handlers/change-password.ts";
import { closeAccount } from "./handlers/close-account.ts";
import { exportHandlers } from "./handlers/exports.ts";
import { logIn } from "./handlers/log-in.ts";
import { moderatePeople } from "./handlers/moderate-people.ts";
import { findUsers, getUsers, setPicture, updateProfile } from "./handlers/profile.ts";
import { provePassword } from "./handlers/prove-password.ts";
import { proveSuspended } from "./handlers/prove-suspended.ts";
import { refresh } from "./handlers/refresh.ts";
import { register } from "./handlers/register.ts";
import { checkSessions, endSessions, listSessions } from "./handlers/sessions.ts";
import { keyStore } from "./key-store.ts";
import { keysCommand } from "./keys-command.ts";
import { migrations } from "./migrations.ts";
import { moderatorCommand } from "./moderator-command.ts";
import { ownData } from "./own-data-store.ts";
import { createPasswords } from "./passwords.ts";
import { pictureUses, removePicture, removePictureKind } from "./picture-store.ts";
import { tooManyGuesses } from "./rules.ts";
import { seedUsers } from "./seed.ts";
import { endEverySession, sessionStore } from "./session-store.ts";
import { standingStore } from "./standing-store.ts";
import type { Tables } from "./tables.ts";
import { createTokens } from "./tokens.ts";

const expireEveryMs = 24 * 3_600_000;

export interface UserConfig {
  /** The cluster's secret; the keys that sign tokens are encrypted with it. */
  secret: string;
  /** Another key signs when the one before is this old. */
  rotateAfterMs: number;
}

/** Accounts, sessions, keys and profiles. */
export const userModule = defineModule<UserConfig, Tables>()({
  name: "user",
  service: UserService,
  calls: {},
  migrations,
  blobUses: pictureUses,
  async wentBack(db, { endSessions }) {
    if (endSessions) await endEverySession(db);
  },
  usesMedia: true,
  // They wait for a password, a picture or a large file.
  bulkheads: {
    register: null,
    logIn: null,
    changePassword: null,
    closeAccount: null,
    setPicture: null,
    finishExport: null,
  },
  commands: { moderator: moderatorCommand, keys: keysCommand },
  seed: seedUsers,
  ownData,
  async start({ config, db, ids, jobs, events, blobs, media, protect, security, issuerKeys, log }) {
    // First of all, since only this asks the database, and a start that fails is tried again.
    const tokens = await createTokens(keyStore(db, sealedBy(config.secret, "signing keys")), {
      ...config,
      issuerKeys,
      onError: (error) => log.warn({ err: error }, "could not load or publish the signing keys"),
    });
    const accounts = perCall(db, (until) => accountStore(until, events));
    const sessions = perCall(db, (until) => sessionStore(until, events, log));
    const deletionRequests = perCall(db, (until) => deletionRequestStore(until, events));
    const outcomes = consumeDeletionOutcomes(events, deletionRequests.lasting, jobs);
    const workers = jobs.work({ kinds: { [removePictureKind]: removePicture(db, blobs) }, concurrency: 1 });
    const stopExpiry = repeatEvery(expireEveryMs, sessions.lasting.removeExpired, (error) =>
      log.warn({ err: error }, "could not remove expired sessions"),
    );
    const exports = perCall(db, exportStore);
    const stopExports = repeatEvery(
      3_600_000,
      () => exports.lasting.expire(jobs),
      (error) => log.warn({ err: error }, "could not remove old exports"),
    );
    const passwords = createPasswords(protect);
    const common = commonPasswords();
    // Separate from those of logins: else a stranger's guesses would lock the owner out of what only they can do.
    const own = protect.guessLimit("own passwords", { burst: 20, tooMany: tooManyGuesses });
    const guesses = protect.guessLimit("passwords", { burst: 100, tooMany: tooManyGuesses });
    // A school may share one address; `guesses` counts the attempts at one person.
    const registrations = protect.rateLimit("registrations", { burst: 300, perMinute: 30 });
    const logins = protect.rateLimit("logins", { burst: 300, perMinute: 150 });
    const looks = protect.rateLimit("refresh token looks", { burst: 5, perMinute: 5, always: true });
    const prove = provePassword(accounts, passwords, security, { byAddress: logins, guesses });
    return {
      handlers: {
        readOwnData: readOwnData(
          ownData,
          perCall(db, (until) => until),
        ),
        register: register(accounts, passwords, tokens, ids, registrations, common, security),
        logIn: logIn(prove, accounts, sessions, tokens, ids, security),
        proveSuspended: proveSuspended(prove),
        refresh: refresh(accounts, sessions, tokens, looks, security),
        checkSessions: checkSessions(sessions),
        moderatePeople: moderatePeople(perCall(db, (until) => standingStore(until, events, jobs))),
        listSessions: listSessions(sessions),
        endSessions: endSessions(sessions, security),
        changePassword: changePassword(accounts, passwords, own, security, common),
        closeAccount: closeAccount(accounts, deletionRequests, passwords, ids, own, security),
        listPublicKeys: async () => ({ jwks: (await tokens.publicKeys()).map((key) => JSON.stringify(key)) }),
        getUsers: getUsers(accounts.reading),
        findUsers: findUsers(accounts.reading),
        updateProfile: updateProfile(accounts),
        setPicture: setPicture(accounts, blobs, media, jobs, protect),
        ...exportHandlers(exports, blobs, jobs),
      },
      async stop() {
        tokens.stop();
        await stopExpiry();
        await stopExports();
        await outcomes.stop();
        await workers.stop();
        await passwords.stop();
      },
    };
  },
});
