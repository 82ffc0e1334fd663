import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { ActName, QueueEntry } from "../api/types.ts";
import { Avatar } from "../ui/avatar.tsx";
import { actsOf } from "./acts-of.ts";
import { DoneList } from "./done-list.tsx";
import { ReportedMessages } from "./reported-messages.tsx";
import { subjectPath } from "./subject-path.ts";
import { useModerating } from "./use-moderating.ts";
import "../ui/tag.css";

const harsh: readonly ActName[] = ["take-down", "suspend"];

interface Props {
  entry: QueueEntry;
  open: boolean;
  selected: boolean;
  onOpen: () => void;
  onSelect: (selected: boolean) => void;
  onAct: (act: ActName) => void;
}

/** Something that waits for a moderator: what it is, who says what of it, and what can be done. */
export function QueueItem({ entry, open, selected, onOpen, onSelect, onAct }: Props) {
  const { t, format } = useModerating();
  const me = useUser();
  const { subject, owner, waitingSince, reports, texts, claimedBy, appeal, before, standing } = entry;
  const path = subjectPath(subject, entry.comment?.videoId ?? null);
  return (
    <li className="reported" data-open={open} aria-current={open}>
      <div className="reported-who">
        <label className="reported-select">
          <input
            type="checkbox"
            checked={selected}
            aria-label={t.select}
            onChange={(event) => onSelect(event.target.checked)}
          />
          <b className="tag">{t.subjectKinds[subject.kind]}</b>
        </label>
        {owner && (
          <Link href={`/user/${owner.id}`}>
            <Avatar user={owner} size={32} />
            <span dir="auto">{owner.name}</span>
          </Link>
        )}
        <time dateTime={waitingSince}>{t.waitsSince(format.ago(waitingSince))}</time>
      </div>
      <Shown entry={entry} open={open} />
      <div className="reported-why">
        {reports.map(({ reason, count }) => (
          <b key={reason} className="tag tag-pinned">
            {t.reasonCount(t.reportReasons[reason], format.number(count))}
          </b>
        ))}
        {claimedBy && claimedBy.id !== me?.id && <b className="tag">{t.lookedAtBy(claimedBy.name)}</b>}
      </div>
      {texts.length > 0 && (
        <ul className="reported-words">
          {texts.map((text, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two people may say the same; the list never changes its order.
            <li key={i} dir="auto">
              {text}
            </li>
          ))}
        </ul>
      )}
      {appeal && (
        <div className="reported-appeal">
          <b>{t.appealSays}</b>
          <p dir="auto">{appeal.text}</p>
        </div>
      )}
      {open && before.length > 0 && (
        <section>
          <h3>{t.doneBefore}</h3>
          <DoneList done={before} label={t.doneBefore} />
        </section>
      )}
      <div className="reported-actions">
        {path && (
          <Link href={path} className="link">
            {t.look}
          </Link>
        )}
        {open ? (
          actsOf(subject.kind, standing).map((act) => (
            <button
              key={act}
              type="button"
              className={`button ${harsh.includes(act) ? "button-danger" : "button-quiet"}`}
              onClick={() => onAct(act)}
            >
              {t.acts[act]}
            </button>
          ))
        ) : (
          <button type="button" className="button button-quiet" onClick={onOpen}>
            {t.moderate}
          </button>
        )}
      </div>
    </li>
  );
}

function Shown({ entry, open }: { entry: QueueEntry; open: boolean }) {
  const { t } = useModerating();
  const { subject, owner, video, comment, group, messages } = entry;
  if (video)
    return (
      <div className="reported-video">
        {video.kind === "pictures" ? (
          <div className="reported-pictures">
            {video.pictures.map((one) => (
              <img key={one.number} src={one.sizes.at(-1)?.url} alt={one.alt} loading="lazy" />
            ))}
          </div>
        ) : open && video.playUrl ? (
          // biome-ignore lint/a11y/useMediaCaption: what people publish has no captions.
          <video
            src={video.playUrl}
            poster={video.coverUrl ?? undefined}
            controls
            playsInline
            preload="metadata"
          />
        ) : (
          video.coverUrl && <img src={video.coverUrl} alt="" loading="lazy" />
        )}
        {[video.title, video.description].filter(Boolean).map((text) => (
          <p key={text} className="reported-text" dir="auto">
            {text}
          </p>
        ))}
      </div>
    );
  if (comment)
    return (
      <p className="reported-text" dir="auto">
        {comment.text}
      </p>
    );
  if (messages) return <ReportedMessages messages={messages} />;
  if (group)
    return (
      <div dir="auto">
        <p className="reported-text">{group.name}</p>
        {group.announcement}
      </div>
    );
  if (subject.kind === "user" && owner)
    return (
      <div className="reported-person" dir="auto">
        <Avatar user={owner} size={72} />
        <div>
          <p className="reported-text">{owner.name}</p>
          {owner.signature}
        </div>
      </div>
    );
  return <p className="moderation-note">{t.subjectGone}</p>;
}
