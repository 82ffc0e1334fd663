import { useId } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { Field } from "../ui/field.tsx";
import { TickBox } from "../ui/tick-box.tsx";
import { localTime, type Publication } from "./publication.ts";
import "../ui/group.css";

const HOUR_MS = 3_600_000;
const choices: Publication["when"][] = ["now", "draft", "time"];

interface Props {
  value: Publication;
  onChange: (value: Publication) => void;
}

/** When a video is to be published. */
export function PublicationChoice({ value, onChange }: Props) {
  const { t } = useI18n();
  const name = useId();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const inHours = (hours: number) => localTime(new Date(Date.now() + hours * HOUR_MS));
  return (
    <fieldset className="group">
      <legend>{t.publicationLabel}</legend>
      {choices.map((when) => (
        <TickBox
          key={when}
          type="radio"
          name={name}
          label={t.publications[when]}
          {...(when === "draft" && { hint: t.draftHint })}
          checked={value.when === when}
          onChange={() => onChange({ when, at: when === "time" ? value.at || inHours(24) : "" })}
        />
      ))}
      {value.when === "time" && (
        <Field
          label={t.publishAtLabel}
          hint={t.inTimeZone(zone)}
          type="datetime-local"
          required
          value={value.at}
          min={inHours(0)}
          max={inHours(365 * 24)}
          onChange={(event) => onChange({ ...value, at: event.target.value })}
        />
      )}
    </fieldset>
  );
}
