import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { moved } from "./moved.ts";
import { PictureRow } from "./picture-row.tsx";
import "../ui/group.css";

type Pictures = Video["pictures"];

/** Which pictures a post goes on showing, in what order, and what they show. */
export function PictureChoice({ value, onChange }: { value: Pictures; onChange: (now: Pictures) => void }) {
  const { t } = useI18n();
  return (
    <fieldset className="group picture-choice">
      <legend>{t.carousel}</legend>
      <ol>
        {value.map((picture, at) => (
          <PictureRow
            key={picture.number}
            at={at}
            count={value.length}
            src={picture.sizes[0]?.url}
            alt={picture.alt}
            locked={false}
            removable={value.length > 1}
            onAlt={(alt) => onChange(value.map((one) => (one === picture ? { ...one, alt } : one)))}
            onMove={(by) => onChange(moved(value, at, by))}
            onRemove={() => onChange(value.filter((one) => one !== picture))}
          />
        ))}
      </ol>
    </fieldset>
  );
}

/** The change of a post that shows these pictures; undefined if it does. */
export function toKept(was: Pictures, now: Pictures): { number: number; alt?: string }[] | undefined {
  const kept = now.map(({ number, alt }) => ({ number, alt: alt.trim() }));
  const isAsWas =
    kept.length === was.length &&
    kept.every(({ number, alt }, at) => number === was[at]!.number && alt === was[at]!.alt);
  return isAsWas ? undefined : kept;
}
