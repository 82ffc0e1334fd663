import type { ComponentProps, FormEvent, ReactNode, Ref } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { GrowingText } from "../ui/growing-text.tsx";
import { SendIcon } from "../ui/icons.tsx";
import { PictureButton } from "./picture-button.tsx";
import "../ui/composer.css";

const MAX_CHARACTERS = 2000;

interface Props {
  text: string;
  onText: (text: string) => void;
  onSend: (text: string) => void;
  onPictures: (files: File[]) => void;
  fieldRef?: Ref<HTMLTextAreaElement>;
  /** What else the field does. */
  field?: Pick<
    ComponentProps<"textarea">,
    "onKeyDown" | "onSelect" | (`aria-${string}` & keyof ComponentProps<"textarea">)
  >;
  /** What is written is about, above the field. */
  children?: ReactNode;
}

/** The field for a message. */
export function MessageComposer({ text, onText, onSend, onPictures, fieldRef, field, children }: Props) {
  const { t } = useI18n();
  function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (text.trim()) onSend(text.trim());
  }
  const used = [...text].length;
  return (
    <form className="composer" onSubmit={onSubmit}>
      {children}
      <div className="composer-row">
        <PictureButton onPick={onPictures} />
        <GrowingText
          {...field}
          {...(fieldRef && { fieldRef })}
          value={text}
          maxCharacters={MAX_CHARACTERS}
          placeholder={t.writeMessage}
          aria-label={t.writeMessage}
          onText={onText}
        />
        {used > MAX_CHARACTERS - 100 && <span className="composer-count">{MAX_CHARACTERS - used}</span>}
        <button type="submit" className="composer-send" aria-label={t.send} disabled={!text.trim()}>
          <SendIcon size={20} />
        </button>
      </div>
    </form>
  );
}
