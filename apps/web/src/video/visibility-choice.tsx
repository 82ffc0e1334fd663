import { useId } from "react";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { TickBox } from "../ui/tick-box.tsx";
import "../ui/group.css";

export type Visibility = Video["visibility"];
const visibilities: Visibility[] = ["public", "unlisted", "friends", "private"];

/** Who is to see a video. */
export function VisibilityChoice({
  value,
  onChange,
}: {
  value: Visibility;
  onChange: (value: Visibility) => void;
}) {
  const { t } = useI18n();
  const name = useId();
  return (
    <fieldset className="group">
      <legend>{t.visibilityLabel}</legend>
      {visibilities.map((visibility) => (
        <TickBox
          key={visibility}
          type="radio"
          name={name}
          label={t.visibilities[visibility]}
          hint={t.visibilityHints[visibility]}
          checked={value === visibility}
          onChange={() => onChange(visibility)}
        />
      ))}
    </fieldset>
  );
}
