import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { userQuery } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Message, User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";

/** Of the people whom a notice concerns. */
export const NAMED = 3;

export type NameOf = (id: string) => string;

/** The people of messages in a group: those that are known, and those that must be asked for. */
export function usePeople(known: readonly User[], messages: readonly Message[]): ReadonlyMap<string, User> {
  const ids = useMemo(
    () =>
      messages.flatMap(({ senderId, receiverId, notice, replyTo }) => [
        ...(senderId === receiverId ? [] : [senderId]),
        ...(notice?.userIds.slice(0, NAMED) ?? []),
        ...(replyTo?.senderId ? [replyTo.senderId] : []),
      ]),
    [messages],
  );
  return useThose(known, ids);
}

/** These people, and the viewer. */
export function useThose(known: readonly User[], ids: readonly string[]): ReadonlyMap<string, User> {
  const { api } = useServices();
  const me = useUser();
  const here = useMemo(() => {
    const all = new Map(known.map((user) => [user.id, user]));
    if (me) all.set(me.id, me);
    return all;
  }, [known, me]);
  const missing = useMemo(() => [...new Set(ids)].filter((id) => !here.has(id)), [ids, here]);
  return useQueries({
    queries: missing.map((id) => userQuery(api, id)),
    combine: (answers) =>
      answers.length === 0
        ? here
        : new Map([...here, ...answers.flatMap(({ data }) => (data ? [[data.id, data] as const] : []))]),
  });
}

/** Their names; the viewer is "you". */
export function useNames(known: readonly User[], messages: readonly Message[]): NameOf {
  const { t } = useI18n();
  const me = useUser();
  const people = usePeople(known, messages);
  return (id) => (id === me?.id ? t.groups.you : (people.get(id)?.name ?? t.groups.somebody));
}
