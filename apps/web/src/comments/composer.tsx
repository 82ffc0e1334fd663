import { useIsMutating, useMutation } from "@tanstack/react-query";
import {
  type Dispatch,
  type FormEvent,
  type KeyboardEvent,
  type SetStateAction,
  useEffect,
  useRef,
  useSyncExternalStore,
} from "react";
import { take } from "../api/client.ts";
import { asProblem } from "../api/problem.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Comment } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useAsMember } from "../social/as-member.tsx";
import { newKey } from "../social/new-key.ts";
import { Avatar } from "../ui/avatar.tsx";
import { GrowingText } from "../ui/growing-text.tsx";
import { CloseIcon, SendIcon } from "../ui/icons.tsx";
import { useCommentCache } from "./comment-cache.ts";
import "../ui/composer.css";

const MAX_CHARACTERS = 500;

interface Props {
  videoId: string;
  closed: boolean;
  replyTo: Comment | null;
  onReplyTo: Dispatch<SetStateAction<Comment | null>>;
}

const isWriting = ({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean =>
  (key.length === 1 || key === "Enter") && !ctrlKey && !metaKey && !altKey;

interface Outgoing {
  text: string;
  key: string;
  replyTo: Comment | null;
}

/** The field for a comment. The text stays until the server has accepted it, and what is written meanwhile after that. */
export function Composer({ videoId, closed, replyTo, onReplyTo }: Props) {
  const { t } = useI18n();
  const { api, drafts } = useServices();
  const me = useUser();
  const lists = useCommentCache(videoId);
  const asMember = useAsMember();
  const input = useRef<HTMLTextAreaElement>(null);
  const where = `comments/${videoId}`;
  const text = useSyncExternalStore(drafts.subscribe, () => drafts.get(where));
  const write = (next: string) => drafts.set(where, next);
  /** The same text sent again, as after a lost answer, is the same comment; another one is another request. */
  const keyOf = (to: string) => {
    const what = JSON.stringify([to, text]);
    const [before, known] = JSON.parse(drafts.get(`${where}/sent`) || "[]") as string[];
    const key = known && before === what ? known : newKey();
    drafts.set(`${where}/sent`, JSON.stringify([what, key]));
    return key;
  };
  const mutationKey = ["comment", videoId];
  // Also that of a field that was closed meanwhile.
  const isSending = useIsMutating({ mutationKey }) > 0;
  const send = useMutation({
    mutationKey,
    mutationFn: ({ text, key, replyTo }: Outgoing) => {
      const body = { text: text.trim(), idempotencyKey: key };
      return replyTo
        ? take(
            api.POST("/api/v1/videos/{id}/comments/{commentId}/replies", {
              params: { path: { id: videoId, commentId: replyTo.id } },
              body,
            }),
          )
        : take(api.POST("/api/v1/videos/{id}/comments", { params: { path: { id: videoId } }, body }));
    },
    onSuccess: (comment, { text, replyTo }) => {
      lists.added(comment);
      drafts.set(`${where}/sent`, "");
      const now = drafts.get(where);
      if (now.startsWith(text)) write(now.slice(text.length).trimStart());
      // Another one may have been chosen meanwhile.
      onReplyTo((now) => (now?.id === replyTo?.id ? null : now));
    },
    onError: (error) => {
      if (asProblem(error).reason === "COMMENTS_CLOSED") lists.closed(true);
    },
  });
  useEffect(() => {
    if (replyTo) input.current?.focus();
  }, [replyTo]);

  const askGuest = () => {
    if (!closed) asMember("comment", () => {});
  };
  function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (!text.trim() || closed || isSending) return;
    asMember("comment", () => send.mutate({ text, key: keyOf(replyTo?.id ?? ""), replyTo }));
  }
  const used = [...text].length;
  return (
    <form className="composer" onSubmit={onSubmit}>
      {send.error && (
        <p className="composer-error" role="alert">
          {explain(t, send.error)}
        </p>
      )}
      {replyTo && (
        <p className="composer-to">
          <span>{t.replyTo(replyTo.author.name)}</span>
          <button type="button" aria-label={t.cancelReply} onClick={() => onReplyTo(null)}>
            <CloseIcon size={16} />
          </button>
        </p>
      )}
      {closed && !send.error && <p className="composer-to">{t.commentsClosedNow}</p>}
      <div className="composer-row">
        {me && <Avatar user={me} size={32} />}
        <GrowingText
          fieldRef={input}
          value={text}
          maxCharacters={MAX_CHARACTERS}
          // Not disabled: that would lose the focus, and further keys would control the video.
          readOnly={closed || !me}
          placeholder={replyTo ? t.replyTo(replyTo.author.name) : t.writeComment}
          aria-label={replyTo ? t.replyTo(replyTo.author.name) : t.writeComment}
          aria-disabled={closed}
          onText={write}
          // Not on focus: the Tab key may only be passing.
          onClick={askGuest}
          onKeyDown={(event) => isWriting(event) && askGuest()}
        />
        {used > MAX_CHARACTERS - 50 && <span className="composer-count">{MAX_CHARACTERS - used}</span>}
        <button
          type="submit"
          className="composer-send"
          aria-label={t.send}
          disabled={closed || !text.trim() || isSending}
        >
          <SendIcon size={20} />
        </button>
      </div>
    </form>
  );
}
