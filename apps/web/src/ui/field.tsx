import { type InputHTMLAttributes, type ReactNode, useId, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { EyeIcon, EyeOffIcon } from "./icons.tsx";
import "./field.css";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string;
  error?: string | undefined;
  after?: ReactNode;
}

export function Field({ label, hint, error, after, ...input }: Props) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className="field" data-bad={error ? "" : undefined}>
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <input
          {...input}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={note ? `${id}-note` : undefined}
        />
        {after}
      </div>
      {note && (
        <p id={`${id}-note`} className="field-note" role={error ? "alert" : undefined}>
          {note}
        </p>
      )}
    </div>
  );
}

export function PasswordField(props: Omit<Props, "type" | "after">) {
  const [shown, setShown] = useState(false);
  const { t } = useI18n();
  return (
    <Field
      {...props}
      type={shown ? "text" : "password"}
      autoCapitalize="none"
      spellCheck={false}
      after={
        <button
          type="button"
          className="icon-button"
          aria-label={shown ? t.hidePassword : t.showPassword}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        >
          {shown ? <EyeOffIcon size={20} /> : <EyeIcon size={20} />}
        </button>
      }
    />
  );
}
