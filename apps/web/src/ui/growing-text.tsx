import { type KeyboardEvent, type Ref, type TextareaHTMLAttributes, useLayoutEffect, useRef } from "react";

interface Props extends Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "onChange" | "value"> {
  value: string;
  maxCharacters: number;
  onText: (text: string) => void;
  fieldRef?: Ref<HTMLTextAreaElement>;
}

const growsByItself = () => CSS.supports("field-sizing", "content");

/**
 * A field as tall as its text, up to the height in its style. With a keyboard, Enter sends and Shift with Enter
 * begins a new line; on a phone Enter begins a new line.
 */
export function GrowingText({ value, maxCharacters, onText, onKeyDown, fieldRef, ...field }: Props) {
  const own = useRef<HTMLTextAreaElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what the height comes from.
  useLayoutEffect(() => {
    const box = own.current;
    if (!box || growsByItself()) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
  }, [value]);
  function onKey(event: KeyboardEvent<HTMLTextAreaElement>) {
    onKeyDown?.(event);
    // While an input method composes, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    if (event.defaultPrevented || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  }
  return (
    <textarea
      rows={1}
      dir="auto"
      autoComplete="off"
      {...field}
      ref={(element) => {
        own.current = element;
        if (typeof fieldRef === "function") fieldRef(element);
        else if (fieldRef) fieldRef.current = element;
      }}
      value={value}
      onChange={(event) => onText([...event.target.value].slice(0, maxCharacters).join(""))}
      onKeyDown={onKey}
    />
  );
}
