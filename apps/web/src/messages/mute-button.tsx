import { useInfiniteQuery } from "@tanstack/react-query";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { SoundOffIcon, SoundOnIcon } from "../ui/icons.tsx";
import { conversationsQuery } from "./message-queries.ts";
import { useMuteConversation } from "./use-mute-conversation.ts";

/** Whether messages of a conversation between two are counted; nothing before there is one. */
export function MuteButton({ peerId }: { peerId: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data } = useInfiniteQuery(conversationsQuery(api));
  const mute = useMuteConversation(peerId);
  const found = data?.pages.flatMap((page) => page.items).find(({ id }) => id === peerId);
  if (!found) return null;
  const { muted } = found;
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
