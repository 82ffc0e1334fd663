import type { paths } from "../api.gen.ts";

type Json<Response> = Response extends { content: { "application/json": infer Body } } ? Body : never;

/** Derived from the operations and not from named schemas, so that a renamed schema changes nothing here. */
export type Session = Json<paths["/api/v1/sessions"]["post"]["responses"][201]>;
export type User = Session["user"];
export type Device = Json<paths["/api/v1/sessions"]["get"]["responses"][200]>["items"][number];
export type Video = Json<paths["/api/v1/videos/{id}"]["get"]["responses"][200]>;
export type VideoPage = Json<paths["/api/v1/feed"]["get"]["responses"][200]>;
export type UserPage = Json<paths["/api/v1/users/{id}/followers"]["get"]["responses"][200]>;
export type CommentPage = Json<paths["/api/v1/videos/{id}/comments"]["get"]["responses"][200]>;
export type ReplyPage = Json<
  paths["/api/v1/videos/{id}/comments/{commentId}/replies"]["get"]["responses"][200]
>;
export type Comment = CommentPage["items"][number];
export type ConversationPage = Json<paths["/api/v1/conversations"]["get"]["responses"][200]>;
export type Conversation = ConversationPage["items"][number];
export type MessagePage = Json<paths["/api/v1/conversations/{userId}/messages"]["get"]["responses"][200]>;
export type Message = MessagePage["items"][number];
export type Unread = Json<paths["/api/v1/me/unread"]["get"]["responses"][200]>;
export type Notice = NonNullable<Message["notice"]>;
export type Group = Json<paths["/api/v1/groups/{id}"]["get"]["responses"][200]>;
type GroupMemberPage = Json<paths["/api/v1/groups/{id}/members"]["get"]["responses"][200]>;
export type GroupMember = GroupMemberPage["items"][number];
export type GroupLink = Json<paths["/api/v1/groups/{id}/link"]["put"]["responses"][200]>;
export type GivenInvitationPage = Json<paths["/api/v1/groups/{id}/invitations"]["get"]["responses"][200]>;
type InvitationPage = Json<paths["/api/v1/me/group-invitations"]["get"]["responses"][200]>;
export type Invitation = InvitationPage["items"][number];
export type BroughtIn = Json<paths["/api/v1/groups"]["post"]["responses"][201]>;
type ReportBody = paths["/api/v1/reports"]["post"]["requestBody"]["content"]["application/json"];
export type SubjectKind = ReportBody["subject"]["kind"];
export type ModerationReason = ReportBody["reason"];
export type ActBody = paths["/api/v1/moderation/acts"]["post"]["requestBody"]["content"]["application/json"];
export type ActName = ActBody["act"];
export type Subject = NonNullable<ActBody["subject"]>;
type QueuePage = Json<paths["/api/v1/moderation/queue"]["get"]["responses"][200]>;
export type QueueEntry = QueuePage["items"][number];
export type DoneAct = QueueEntry["before"][number];
export type OwnAct = Json<paths["/api/v1/me/moderation"]["get"]["responses"][200]>["items"][number];
type NotificationPage = Json<paths["/api/v1/notifications"]["get"]["responses"][200]>;
export type NotificationSettings = Json<paths["/api/v1/notifications/settings"]["get"]["responses"][200]>;
export type Notification = NotificationPage["items"][number];
export type HistoryPage = Json<paths["/api/v1/history"]["get"]["responses"][200]>;
export type WatchedVideo = HistoryPage["items"][number];
export type Ranking = paths["/api/v1/rankings/{ranking}"]["get"]["parameters"]["path"]["ranking"];
export type RankingPage = Json<paths["/api/v1/rankings/{ranking}"]["get"]["responses"][200]>;
export type Figures = Json<paths["/api/v1/me/figures"]["get"]["responses"][200]>;
export type VideoFigures = Json<paths["/api/v1/videos/{id}/figures"]["get"]["responses"][200]>;
export type Source = NonNullable<
  paths["/api/v1/playback/beacons"]["post"]["requestBody"]["content"]["application/json"]["entries"][number]["from"]
>;
