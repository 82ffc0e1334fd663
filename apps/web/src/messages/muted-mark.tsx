import { useI18n } from "../i18n/i18n.tsx";
import { SoundOffIcon } from "../ui/icons.tsx";

/** Beside a conversation whose messages are not counted. */
export function MutedMark() {
  const { t } = useI18n();
  return (
    <span className="muted-mark">
      <SoundOffIcon size={16} />
      <span className="unseen">{t.groups.mutedConversation}</span>
    </span>
  );
}
