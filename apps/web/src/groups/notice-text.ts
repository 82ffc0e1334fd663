import type { Message } from "../api/types.ts";
import type { Dictionary } from "../i18n/dictionary.ts";
import { NAMED, type NameOf } from "./use-names.ts";

/** What happened in a group, in one line. */
export function noticeText(t: Dictionary, { notice, senderId, content }: Message, nameOf: NameOf): string {
  if (!notice) return content;
  const ids = notice.userIds;
  const names = ids.slice(0, NAMED).map(nameOf);
  const count = notice.kind === "added" ? Number(content) : ids.length;
  const more = count > NAMED ? String(count - NAMED) : "";
  const whom = names.length > 0 ? t.groups.list(names, more) : t.groups.somebody;
  return t.groups.notices[notice.kind](nameOf(senderId), whom, content);
}
