import type { Message } from "../api/types.ts";
import type { Dictionary } from "../i18n/dictionary.ts";
import type { NameOf } from "./use-names.ts";

const SHOWN = 3;

/** What happened in a group, in one line. */
export function noticeText(t: Dictionary, { notice, senderId, content }: Message, nameOf: NameOf): string {
  if (!notice) return content;
  const ids = notice.userIds;
  const names = ids.slice(0, SHOWN).map(nameOf);
  const count = notice.kind === "added" ? Number(content) : ids.length;
  const more = count > SHOWN ? String(count - SHOWN) : "";
  const whom = names.length > 0 ? t.groups.list(names, more) : t.groups.somebody;
  return t.groups.notices[notice.kind](nameOf(senderId), whom, content);
}
