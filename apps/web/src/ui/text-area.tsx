import { type TextareaHTMLAttributes, useId } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import "./field.css";

interface Props extends Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "onChange"> {
  label: string;
  value: string;
  maxCharacters: number;
  error?: string | undefined;
  onText: (text: string) => void;
}

/** The server accepts no line breaks; it counts code points, as this does. */
function oneLine(text: string, maxCharacters: number): string {
  return [...text.replace(/[\r\n]+/g, " ")].slice(0, maxCharacters).join("");
}

/** A text that may wrap, with a counter. */
export function TextArea({ label, value, maxCharacters, error, onText, ...area }: Props) {
  const id = useId();
  const { t, format } = useI18n();
  const used = [...value].length;
  return (
    <div className="field" data-bad={error ? "" : undefined}>
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <textarea
          {...area}
          dir="auto"
          id={id}
          value={value}
          aria-invalid={error ? true : undefined}
          aria-describedby={`${id}-count`}
          onChange={(event) => onText(oneLine(event.target.value, maxCharacters))}
        />
      </div>
      <p className="field-note field-count">
        {error && <span role="alert">{error}</span>}
        <span aria-hidden="true">
          {format.number(used)} / {format.number(maxCharacters)}
        </span>
        <span id={`${id}-count`} className="unseen">
          {t.charactersLeft(format.number(used), format.number(maxCharacters))}
        </span>
      </p>
    </div>
  );
}
