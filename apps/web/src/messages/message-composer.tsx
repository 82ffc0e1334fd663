import { type FormEvent, type KeyboardEvent, useRef } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { SendIcon } from "../ui/icons.tsx";
import "../ui/composer.css";

const MAX_CHARACTERS = 2000;

interface Props {
  text: string;
  onText: (text: string) => void;
  onSend: (text: string) => void;
}

/** Where one writes a message. Enter sends where there is a keyboard; on a phone it begins a new line. */
export function MessageComposer({ text, onText, onSend }: Props) {
  const { t } = useI18n();
  const form = useRef<HTMLFormElement>(null);
  function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (text.trim()) onSend(text.trim());
  }
  function onKeyDown(event: KeyboardEvent) {
    // While an input method composes, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    if (matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    form.current?.requestSubmit();
  }
  const used = [...text].length;
  return (
    <form ref={form} className="composer" onSubmit={onSubmit}>
      <div className="composer-row">
        <textarea
          rows={1}
          dir="auto"
          value={text}
          placeholder={t.writeMessage}
          aria-label={t.writeMessage}
          onChange={(event) => onText([...event.target.value].slice(0, MAX_CHARACTERS).join(""))}
          onKeyDown={onKeyDown}
        />
        {used > MAX_CHARACTERS - 100 && <span className="composer-count">{MAX_CHARACTERS - used}</span>}
        <button type="submit" className="composer-send" aria-label={t.send} disabled={!text.trim()}>
          <SendIcon size={20} />
        </button>
      </div>
    </form>
  );
}
