import { type ReactNode, useCallback, useEffect, useId, useLayoutEffect, useRef } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { CloseIcon } from "../ui/icons.tsx";
import { ToastEcho } from "../ui/toast.tsx";
import { useDismissal } from "../ui/use-dismissal.ts";
import { focusField } from "./focus-field.ts";
import { isToWrite } from "./use-comments-open.ts";
import { useDragDown } from "./use-drag-down.ts";
import { useIsPanel } from "./use-is-panel.ts";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A modal sheet from below on a phone; a panel at the side, which does not hold the focus, on a desktop. */
export function Drawer(props: Props) {
  return useIsPanel() ? <Panel {...props} /> : <Sheet {...props} />;
}

function Sheet({ title, onClose, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const drag = useDragDown(ref, onClose);
  // Before the element leaves the page, so that closing returns the focus.
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    // Not the close button, which the browser would focus.
    if (isToWrite()) focusField(dialog);
    else dialog?.querySelector("h2")?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={ref} className="drawer drawer-sheet" aria-labelledby={titleId} {...useDismissal(onClose)}>
      <Head id={titleId} title={title} onClose={onClose} {...drag} />
      {children}
      <ToastEcho />
    </dialog>
  );
}

function Panel({ title, onClose, children }: Props) {
  const ref = useRef<HTMLElement>(null);
  const before = useRef<Element>(null);
  const titleId = useId();
  const giveBack = useCallback(() => {
    const focused = document.activeElement;
    if (!(focused instanceof HTMLElement) || !ref.current?.contains(focused)) return;
    focused.blur();
    if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
  }, []);
  useLayoutEffect(() => {
    const panel = ref.current;
    before.current = document.activeElement;
    if (isToWrite()) focusField(panel);
    else panel?.focus({ preventScroll: true });
    return giveBack;
  }, [giveBack]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.isComposing || document.querySelector("dialog[open]")) return;
      // At once: going back in the history takes a moment, and the next key is for the video.
      giveBack();
      onClose();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [onClose, giveBack]);
  return (
    <aside ref={ref} className="drawer drawer-panel" aria-labelledby={titleId} tabIndex={-1}>
      <Head id={titleId} title={title} onClose={onClose} />
      {children}
    </aside>
  );
}

type HeadProps = Omit<Props, "children"> & { id: string } & Partial<ReturnType<typeof useDragDown>>;

function Head({ id, title, onClose, ...drag }: HeadProps) {
  const { t } = useI18n();
  return (
    <header className="drawer-head" {...drag}>
      <h2 id={id} tabIndex={-1}>
        {title}
      </h2>
      <button type="button" className="icon-button" aria-label={t.close} onClick={onClose}>
        <CloseIcon />
      </button>
    </header>
  );
}
