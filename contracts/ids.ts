/** Ids are decimal strings; the brand keeps different kinds apart. */
declare const kind: unique symbol;
type Id<K extends string> = string & { readonly [kind]: K };

export type UserId = Id<"user">;
export type SessionId = Id<"session">;
export type UploadId = Id<"upload">;
export type VideoId = Id<"video">;
