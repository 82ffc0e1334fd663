import { useInfiniteQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type RefObject, type SyntheticEvent, useEffect, useId, useState } from "react";
import { useServices, useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useAgain } from "../api/use-again.ts";
import { membersQuery } from "./group-queries.ts";
import { isMeant, mentionAt } from "./mention-at.ts";

const MOST_SHOWN = 6;

interface Field {
  text: string;
  onText: (text: string) => void;
  fieldRef: RefObject<HTMLTextAreaElement | null>;
}

/** Members of a group to choose from, while a mention is written in a field. */
export function useMentioning(groupId: string, { text, onText, fieldRef }: Field) {
  const { api } = useServices();
  const me = useUser();
  const listId = useId();
  const [caret, setCaret] = useState(0);
  /** The mention for which the list was closed. */
  const [closedAt, setClosedAt] = useState<number>();
  const [chosen, setChosen] = useState(0);
  const at = mentionAt(text, Math.min(caret, text.length));
  const isOpen = at !== undefined && at.start !== closedAt;
  const list = useInfiniteQuery({ ...membersQuery(api, groupId), enabled: isOpen });
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  useAgain(list, isOpen);
  const meant = isOpen
    ? (data?.pages ?? [])
        .flatMap((page) => page.items.map(({ user }) => user))
        .filter((user) => user.id !== me?.id && isMeant(user, at.query))
        .slice(0, MOST_SHOWN)
    : [];
  const isShort = isOpen && meant.length < MOST_SHOWN && hasNextPage && !isFetching && !error;
  useEffect(() => {
    if (isShort) void fetchNextPage();
  }, [isShort, fetchNextPage]);

  const active = Math.min(chosen, meant.length - 1);
  const optionId = (index: number) => `${listId}-${index}`;
  function pick({ username }: User) {
    if (!at) return;
    const before = `${text.slice(0, at.start)}@${username} `;
    onText(before + text.slice(caret).replace(/^ /, ""));
    setCaret(before.length);
    // After the field has the text.
    setTimeout(() => {
      fieldRef.current?.focus();
      fieldRef.current?.setSelectionRange(before.length, before.length);
    });
  }
  function onKeyDown(event: KeyboardEvent) {
    // While an input method composes, its keys are its own.
    if (meant.length === 0 || event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown") setChosen((active + 1) % meant.length);
    else if (event.key === "ArrowUp") setChosen((active + meant.length - 1) % meant.length);
    else if (event.key === "Enter" || event.key === "Tab") pick(meant[active]!);
    else if (event.key === "Escape") setClosedAt(at?.start);
    else return;
    event.preventDefault();
  }
  return {
    people: meant,
    list: { id: listId, active, optionId, onPick: pick },
    field: {
      onKeyDown,
      onSelect(event: SyntheticEvent<HTMLTextAreaElement>) {
        setCaret(event.currentTarget.selectionStart);
        setChosen(0);
        if (!mentionAt(event.currentTarget.value, event.currentTarget.selectionStart)) setClosedAt(undefined);
      },
      "aria-autocomplete": "list",
      ...(meant.length > 0 && { "aria-controls": listId, "aria-activedescendant": optionId(active) }),
    } as const,
  };
}
