import type { NamedPerson, OwnData, OwnFile } from "#platform/export/own-data.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { Tables } from "./tables.ts";

const profile: OwnFile<Tables> = {
  about: { en: "Your profile", zh: "你的资料" },
  async page(db, userId, after) {
    if (after !== undefined) return [];
    const rows = await db
      .selectFrom("account")
      .select(["id", "username", "name", "signature", "avatar_key", "background_key", "created_at", "role"])
      .where("id", "=", userId)
      .execute();
    return rows.map((row) => ({
      key: row.id,
      fields: {
        id: row.id,
        username: row.username,
        name: row.name,
        signature: row.signature,
        registeredAt: row.created_at.toISOString(),
        role: row.role,
      },
      media: [
        ...(row.avatar_key ? [{ what: "avatar", keys: [row.avatar_key] }] : []),
        ...(row.background_key ? [{ what: "background", keys: [row.background_key] }] : []),
      ],
    }));
  },
};

/** Without what proves them: neither hashes nor marks of devices. */
const sessions: OwnFile<Tables> = {
  about: { en: "Where you are logged in", zh: "你的登录设备" },
  async page(db, userId, after = "0", limit) {
    const rows = await db
      .selectFrom("session")
      .select(["id", "classic", "user_agent", "created_at", "last_used_at", "expires_at"])
      .where("user_id", "=", userId)
      .where("id", ">", after)
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      key: row.id,
      fields: {
        device: row.user_agent,
        classic: row.classic,
        since: row.created_at.toISOString(),
        lastUsedAt: row.last_used_at.toISOString(),
        expiresAt: row.expires_at.toISOString(),
      },
    }));
  },
};

export const ownData: OwnData<Tables> = {
  files: { profile, sessions },
  people: {
    async find(db, username): Promise<NamedPerson | undefined> {
      return db
        .selectFrom("account")
        .select(["id", "username", "name"])
        .where("name_key", "=", nameKey(username.normalize("NFC").trim()))
        .executeTakeFirst();
    },
    /** Those whose account is there, as everybody may know them. */
    async named(db, ids) {
      return db
        .selectFrom("account")
        .select(["id", "username", "name"])
        .where("id", "in", ids)
        .where("state", "=", "open")
        .execute();
    },
  },
};
