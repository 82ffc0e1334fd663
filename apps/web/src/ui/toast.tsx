import { createContext, type ReactNode, use, useCallback, useEffect, useState } from "react";
import "./toast.css";

const SHOWN_MS = 4000;
/** Long enough to read, decide and reach the button. */
const SHOWN_WITH_ACTION_MS = 8000;
const putOnTop = (element: HTMLElement | null) => element?.showPopover?.();

/** An action on the message, such as undo. */
interface Action {
  text: string;
  run: () => void;
}
type Show = (text: string, action?: Action) => void;

const Context = createContext<Show>(() => {});
const Said = createContext<string | undefined>(undefined);

/** One short message at a time, read by screen readers, which disappears by itself. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toast, setToast] = useState<{ text: string; action: Action | undefined; key: number } | null>(null);
  const show = useCallback<Show>(
    (text, action) => setToast((last) => ({ text, action, key: (last?.key ?? 0) + 1 })),
    [],
  );
  useEffect(() => {
    if (!toast) return;
    const timer = setTimeout(() => setToast(null), toast.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <Context value={show}>
      <Said value={toast?.text}>{children}</Said>
      <div role="status">
        {toast && (
          // A popover, so that it is above the sheet that it comes from.
          <div className="toast" key={toast.key} popover="manual" ref={putOnTop}>
            <span>{toast.text}</span>
            {toast.action && (
              <button
                type="button"
                onClick={() => {
                  toast.action?.run();
                  setToast(null);
                }}
              >
                {toast.action.text}
              </button>
            )}
          </div>
        )}
      </div>
    </Context>
  );
}

/** Goes into every modal dialog: content outside of an open one is not read out, though it is visible. */
export function ToastEcho() {
  return (
    <div role="status" className="unseen">
      {use(Said)}
    </div>
  );
}

export const useToast = () => use(Context);
