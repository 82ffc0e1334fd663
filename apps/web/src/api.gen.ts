// Stand-in with the shape openapi-typescript gives; replaced by the generated file.
interface Counts { videos: number; following: number; followers: number; likesReceived: number; likesGiven: number }
interface User { id: string; username: string; name: string; signature: string; avatarUrl: string | null; backgroundUrl: string | null; createdAt: string; counts: Counts }
interface Session { user: User; accessToken: string; accessTokenExpiresAt: string; refreshToken: string }
interface Device { id: string; current: boolean; userAgent: string; createdAt: string; lastUsedAt: string }
interface Upload { id: string; sizeBytes: number; durationMs: number; width: number; height: number }
interface Video {
  id: string; title: string; author: User; state: "uploaded" | "processing" | "published" | "failed"; progress: number | null;
  failure: { reason: string; message: string } | null; playUrl: string | null; coverUrl: string | null; durationMs: number;
  width: number; height: number; sizeBytes: number; createdAt: string; publishedAt: string | null; counts: { likes: number; comments: number };
}
interface VideoPage { items: Video[]; nextCursor: string | null }
interface Problem { type: string; title: string; status: number; detail: string; reason: string; traceId: string; retryAfterMs?: number; errors?: { path: string; message: string }[] }
interface Ok<S extends number, T> { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { [K in S]: { headers: { [name: string]: unknown }; content: { "application/json": T } } } & { default: { headers: { [name: string]: unknown }; content: { "application/problem+json": Problem } } } }
interface Empty { parameters: { query?: never; header?: never; path?: never; cookie?: never }; requestBody?: never; responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: { headers: { [name: string]: unknown }; content: { "application/problem+json": Problem } } } }
type Body<O, B> = Omit<O, "requestBody"> & { requestBody: { content: { "application/json": B } } };
type Query<O> = Omit<O, "parameters"> & { parameters: { query?: { cursor?: string; limit?: number }; header?: never; path?: never; cookie?: never } };
type Id<O> = Omit<O, "parameters"> & { parameters: { query?: never; header?: never; path: { id: string }; cookie?: never } };
type IdQuery<O> = Omit<O, "parameters"> & { parameters: { query?: { cursor?: string; limit?: number }; header?: never; path: { id: string }; cookie?: never } };
interface Credentials { username: string; password: string }
export interface paths {
  "/api/v1/users": { post: Body<Ok<201, Session>, Credentials> };
  "/api/v1/sessions": { post: Body<Ok<201, Session>, Credentials>; get: Ok<200, { items: Device[] }>; delete: Empty };
  "/api/v1/sessions/refresh": { post: Body<Ok<200, Session>, { refreshToken: string }> };
  "/api/v1/sessions/current": { delete: Empty };
  "/api/v1/sessions/{id}": { delete: Id<Empty> };
  "/api/v1/me": { get: Ok<200, User>; patch: Body<Ok<200, User>, { name?: string; signature?: string }> };
  "/api/v1/me/password": { put: Body<Empty, { currentPassword: string; newPassword: string }> };
  "/api/v1/me/avatar": { put: Ok<200, User>; delete: Ok<200, User> };
  "/api/v1/me/background": { put: Ok<200, User>; delete: Ok<200, User> };
  "/api/v1/me/videos": { get: Query<Ok<200, VideoPage>> };
  "/api/v1/users/{id}": { get: Id<Ok<200, User>> };
  "/api/v1/users/{id}/videos": { get: IdQuery<Ok<200, VideoPage>> };
  "/api/v1/uploads": { post: Ok<201, Upload> };
  "/api/v1/videos": { post: Body<Ok<201, Video>, { uploadId: string; title: string }> };
  "/api/v1/videos/{id}": { get: Id<Ok<200, Video>>; delete: Id<Empty> };
  "/api/v1/feed": { get: Query<Ok<200, VideoPage>> };
}
