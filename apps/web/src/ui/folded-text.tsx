import { type HTMLAttributes, useLayoutEffect, useRef, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import "./folded-text.css";

/** A text that shows its first lines (`-webkit-line-clamp` of its class), and the rest on demand. */
export function FoldedText({ className = "", ...paragraph }: HTMLAttributes<HTMLParagraphElement>) {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  const [long, setLong] = useState(false);
  const text = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    const box = text.current;
    if (!box) return;
    const measure = () => {
      if (box.dataset.open !== "true") setLong(box.scrollHeight > box.clientHeight + 2);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  return (
    <>
      <p {...paragraph} className={`folded ${className}`} dir="auto" ref={text} data-open={open} />
      {long && (
        <button type="button" className="unfold" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t.less : t.more}
        </button>
      )}
    </>
  );
}
