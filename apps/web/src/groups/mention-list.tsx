import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import "./mention-list.css";

interface Props {
  people: readonly User[];
  id: string;
  active: number;
  optionId: (index: number) => string;
  onPick: (user: User) => void;
}

/** Whom a mention that is being written may mean. The field keeps the focus. */
export function MentionList({ people, id, active, optionId, onPick }: Props) {
  const { t } = useI18n();
  if (people.length === 0) return null;
  return (
    <div className="mention-list" role="listbox" id={id} aria-label={t.groups.whomToMention}>
      {people.map((user, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field.
        <div
          key={user.id}
          role="option"
          id={optionId(index)}
          aria-selected={index === active}
          tabIndex={-1}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onPick(user)}
        >
          <Avatar user={user} size={32} />
          <strong dir="auto">{user.name}</strong>
          <span>@{user.username}</span>
        </div>
      ))}
    </div>
  );
}
