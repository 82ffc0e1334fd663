import type { FastifyRequest } from "fastify";
import type { QueueItem } from "#contracts/gen/moderation_pb.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { noTime, toAct } from "./moderation-acts.ts";
import { toApiComment, toApiUser, toApiVideo, toTime } from "./present.ts";
import { toReportedMessages } from "./reported-messages.ts";

/** What waits for moderators, with what it is: asked of each service at once for all. */
export async function toQueueEntries(
  context: GatewayContext,
  items: QueueItem[],
  request: FastifyRequest,
  call: PublicCall,
) {
  const { composer } = context;
  const of = (kind: string) => items.flatMap(({ subject }) => (subject?.kind === kind ? subject.id : []));
  const urls = context.urlsForModerator(request);
  const ask = <T>(ids: string[], get: (ids: string[]) => Promise<T[]>) =>
    ids.length > 0 ? get(ids) : Promise.resolve([]);
  const [videos, comments, groups, reports] = await Promise.all([
    ask(of("video"), async (ids) =>
      composer.videoViews((await context.video.getVideos({ ids, forModerators: true }, call)).videos, call),
    ),
    ask(
      of("comment"),
      async (commentIds) =>
        (await context.interaction.findComments({ commentIds, forModerators: true }, call)).comments,
    ),
    ask(
      of("group"),
      async (groupIds) => (await context.message.getGroupsForModerators({ groupIds }, call)).groups,
    ),
    ask(
      items.flatMap(({ evidenceIds }) => evidenceIds),
      async (reportIds) => (await context.message.getMessageReports({ reportIds }, call)).reports,
    ),
  ]);
  const ids = [
    ...items.flatMap((item) => [item.ownerId, item.claimedBy, ...item.before.map((one) => one.actorId)]),
    ...comments.flatMap((one) => [one.authorId, one.replyToUserId]),
    ...reports.flatMap((one) => [one.reporterId, ...one.lines.map((line) => line.senderId)]),
  ].filter((id) => id !== "" && id !== "0");
  // Blocks do not count here: nobody can hide from a moderator by blocking them.
  const asPeople = new Map(
    (await composer.people([...new Set(ids)], call)).map((person) => [person.user.id, person]),
  );
  const people = new Map([...asPeople].map(([id, person]) => [id, toApiUser(person, urls)]));
  return items.map((item) => {
    const id = item.subject!.id;
    const view = videos.find(({ video }) => video.id === id);
    const comment = comments.find((one) => one.id === id);
    const group = groups.find((one) => one.id === id);
    const report = reports.find((one) => item.evidenceIds.includes(one.id));
    return {
      subject: item.subject!,
      owner: people.get(item.ownerId) ?? null,
      waitingSince: toTime(item.waitingSinceMs),
      weight: item.weight,
      reports: item.reasons.map(({ reason, count }) => ({ reason, count })),
      texts: item.texts,
      claimedBy: people.get(item.claimedBy) ?? null,
      claimedUntil: noTime(item.claimedUntilMs),
      standing: {
        reach: item.standing?.reach ?? "full",
        kept: item.standing?.kept ?? false,
        commentsLocked: item.standing?.commentsLocked ?? false,
        mutedUntil: noTime(item.standing?.mutedUntilMs ?? 0),
        suspendedUntil: noTime(item.standing?.suspendedUntilMs ?? 0),
      },
      appeal: item.appeal
        ? { actId: item.appeal.actId, text: item.appeal.text, at: toTime(item.appeal.atMs) }
        : null,
      before: item.before.map((one) => toAct(one, people)),
      video: view ? toApiVideo(view, urls) : null,
      comment: (comment && toApiComment(comment, asPeople, urls)) ?? null,
      group: group
        ? { id, name: group.name, announcement: group.announcement, members: group.members }
        : null,
      messages: report ? toReportedMessages(report, people, urls) : null,
    };
  });
}
