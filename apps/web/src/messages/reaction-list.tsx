import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { take } from "../api/client.ts";
import { paging } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Failure } from "../ui/failure.tsx";
import { Spinner } from "../ui/notice.tsx";
import type { MessageActs } from "./use-message-acts.ts";

interface Props {
  conversationId: string;
  message: Message;
  acts: MessageActs;
  /** Whether it is shown who has reacted. */
  open: boolean;
  onClose: () => void;
}

/** The emojis under a message; a tap adds the viewer's, or takes it away. */
export function ReactionList({ conversationId, message, acts, open, onClose }: Props) {
  const { t, format } = useI18n();
  const { reactions = [] } = message;
  if (reactions.length === 0) return null;
  return (
    <div className="reactions">
      {reactions.map(({ emoji, count, own }) => (
        <button
          key={emoji}
          type="button"
          className="reaction"
          aria-pressed={own}
          aria-label={t.reactions(emoji, format.number(count))}
          onClick={() => acts.react(message, emoji)}
        >
          <span className="reaction-emoji">{emoji}</span>
          {count > 1 && <span>{format.count(count)}</span>}
        </button>
      ))}
      {open && <People conversationId={conversationId} messageId={message.id} onClose={onClose} />}
    </div>
  );
}

function People({
  conversationId,
  messageId,
  onClose,
}: {
  conversationId: string;
  messageId: string;
  onClose: () => void;
}) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, hasNextPage, isFetching, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ["reactions", conversationId, messageId],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/conversations/{userId}/messages/{messageId}/reactions", {
          params: {
            path: { userId: conversationId, messageId },
            query: { limit: 50, ...(pageParam && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    ...paging,
    staleTime: 0,
    gcTime: 0,
  });
  return (
    <Dialog title={t.whoReacted} onClose={onClose}>
      {error && !data ? (
        <Failure error={error} onRetry={refetch} />
      ) : !data ? (
        <Spinner label={t.loading} />
      ) : (
        <ul className="reaction-people">
          {data.pages
            .flatMap((page) => page.items)
            .map(({ user, emoji }) => (
              <li key={`${user.id} ${emoji}`}>
                <Link href={`/user/${user.id}`}>
                  <Avatar user={user} size={38} />
                  <strong dir="auto">{user.name}</strong>
                </Link>
                <span className="reaction-emoji">{emoji}</span>
              </li>
            ))}
          {hasNextPage && (
            <li>
              <button
                type="button"
                className="button"
                disabled={isFetching}
                onClick={() => void fetchNextPage()}
              >
                {t.more}
              </button>
            </li>
          )}
        </ul>
      )}
    </Dialog>
  );
}
