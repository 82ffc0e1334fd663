import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { take } from "../api/client.ts";
import { asProblem, type Problem } from "../api/problem.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { newKey } from "../social/new-key.ts";
import { useToast } from "../ui/toast.tsx";
import { createMessageCache, type Outgoing } from "./message-cache.ts";

/**
 * Sends to one person: shown at once, in the order of writing. A message lost on the network may be sent again and is
 * the same message; a refused one goes back to the field, with the reason in `refused`.
 */
export function useSend(peer: User, giveBack: (content: string) => void) {
  const { api } = useServices();
  const { t } = useI18n();
  const toast = useToast();
  const cache = useQueryClient();
  const messages = useMemo(() => createMessageCache(cache), [cache]);
  const [refused, setRefused] = useState<Problem | null>(null);
  const drop = (key: string) =>
    messages.changeOutbox(peer.id, (waiting) => waiting.filter((one) => one.key !== key));
  const mark = (key: string, failed: boolean) =>
    messages.changeOutbox(peer.id, (waiting) =>
      waiting.map((one) => (one.key === key ? { ...one, failed } : one)),
    );

  const { mutate } = useMutation({
    scope: { id: `send ${peer.id}` },
    mutationFn: ({ key, content }: Outgoing) =>
      take(
        api.POST("/api/v1/conversations/{userId}/messages", {
          params: { path: { userId: peer.id } },
          body: { content, idempotencyKey: key },
        }),
      ),
    onSuccess: (message, { key }) => {
      drop(key);
      messages.sent(peer, message);
      setRefused(null);
    },
    onError: (error, { key, content }) => {
      const problem = asProblem(error);
      const final = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
      if (!final) {
        mark(key, true);
        // A network error is visible by itself; a refusal is shown.
        if (problem.status > 0) toast(explain(t, problem));
        return;
      }
      drop(key);
      giveBack(content);
      setRefused(problem);
    },
  });
  return {
    refused,
    send(content: string) {
      const outgoing = { key: newKey(), content, failed: false };
      messages.changeOutbox(peer.id, (waiting) => [...waiting, outgoing]);
      mutate(outgoing);
    },
    again(outgoing: Outgoing) {
      mark(outgoing.key, false);
      mutate(outgoing);
    },
    drop,
  };
}
