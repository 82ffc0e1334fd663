import { useInfiniteQuery } from "@tanstack/react-query";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { SoundOffIcon, SoundOnIcon } from "../ui/icons.tsx";
import { messagesQuery } from "./message-queries.ts";
import { useMuteConversation } from "./use-mute-conversation.ts";

interface Props {
  peerId: string;
  /** What is shown are the messages around this one. */
  around: string | undefined;
}

/** Whether messages of a conversation between two are counted; nothing before there is one. */
export function MuteButton({ peerId, around }: Props) {
  const { t } = useI18n();
  const { api } = useServices();
  // What is said below asks for it.
  const { data } = useInfiniteQuery({ ...messagesQuery(api, peerId, around), enabled: false });
  const mute = useMuteConversation(peerId);
  if (!data?.pages.some(({ items }) => items.length > 0)) return null;
  const muted = data.pages[0]?.muted ?? false;
  return (
    <button
      type="button"
      className="icon-button chat-mute"
      aria-label={muted ? t.groups.unmute : t.groups.mute}
      title={t.groups.muteBody}
      aria-pressed={muted}
      disabled={mute.isPending}
      onClick={() => mute.mutate(!muted)}
    >
      {muted ? <SoundOffIcon size={20} /> : <SoundOnIcon size={20} />}
    </button>
  );
}
