import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { CloseIcon } from "./icons.tsx";
import { ToastEcho } from "./toast.tsx";
import { useDismissal } from "./use-dismissal.ts";
import "./dialog.css";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog, open as long as it is rendered. Escape, the close button and the backdrop close it. */
export function Dialog({ title, onClose, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const { t } = useI18n();
  // Before the element leaves the page, so that closing returns the focus.
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={ref} className="dialog" aria-labelledby={titleId} {...useDismissal(onClose)}>
      <div className="dialog-body">
        <header className="dialog-head">
          <h2 id={titleId} dir="auto">
            {title}
          </h2>
          <button type="button" className="icon-button" aria-label={t.close} onClick={onClose}>
            <CloseIcon />
          </button>
        </header>
        {children}
      </div>
      <ToastEcho />
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  body: string;
  action: string;
  busy: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that cannot be undone. */
export function ConfirmDialog({ title, body, action, busy, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="dialog-text">{body}</p>
      <DialogActions action={action} busy={busy} danger onAct={onConfirm} onClose={onClose} />
    </Dialog>
  );
}

interface ActionsProps {
  action: string;
  busy: boolean;
  danger?: boolean;
  /** Absent: the button submits the form around it. */
  onAct?: () => void;
  onClose: () => void;
}

/** The last row of a dialog: cancel, and its action. */
export function DialogActions({ action, busy, danger = false, onAct, onClose }: ActionsProps) {
  const { t } = useI18n();
  return (
    <div className="dialog-actions">
      <button type="button" className="button button-quiet" onClick={onClose}>
        {t.cancel}
      </button>
      <button
        type={onAct ? "button" : "submit"}
        className={`button ${danger ? "button-danger" : "button-primary"}`}
        disabled={busy}
        onClick={onAct}
      >
        {action}
      </button>
    </div>
  );
}
