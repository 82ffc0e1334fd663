import { type TextareaHTMLAttributes, useId } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import "./field.css";

interface Props extends Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "onChange"> {
  label: string;
  value: string;
  maxCharacters: number;
  /** Whether it may have line breaks. */
  lines?: boolean;
  error?: string | undefined;
  onText: (text: string) => void;
}

/** The server counts code points, as this does. */
function limited(text: string, maxCharacters: number, lines: boolean): string {
  return [...(lines ? text : text.replace(/[\r\n]+/g, " "))].slice(0, maxCharacters).join("");
}

/** A text that may wrap, with a counter. */
export function TextArea({ label, value, maxCharacters, lines = false, error, onText, ...area }: Props) {
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
          onChange={(event) => onText(limited(event.target.value, maxCharacters, lines))}
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
