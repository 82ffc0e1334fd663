import { createContext, type ReactNode, use, useCallback, useEffect, useState } from "react";
import "./toast.css";

const SHOWN_MS = 4000;
const putOnTop = (element: HTMLElement | null) => element?.showPopover?.();
const Context = createContext<(text: string) => void>(() => {});
const Said = createContext<string | undefined>(undefined);

/** One short message at a time, read out by screen readers, gone by itself. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toast, setToast] = useState<{ text: string; key: number } | null>(null);
  const show = useCallback((text: string) => setToast((last) => ({ text, key: (last?.key ?? 0) + 1 })), []);
  useEffect(() => {
    if (!toast) return;
    const timer = setTimeout(() => setToast(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <Context value={show}>
      <Said value={toast?.text}>{children}</Said>
      <div role="status">
        {toast && (
          // A popover, so that it is above the sheet from which it comes.
          <p className="toast" key={toast.key} popover="manual" ref={putOnTop}>
            {toast.text}
          </p>
        )}
      </div>
    </Context>
  );
}

/** Goes into every modal dialog: what is outside of an open one is not read out, though it is seen above it. */
export function ToastEcho() {
  return (
    <div role="status" className="unseen">
      {use(Said)}
    </div>
  );
}

export const useToast = () => use(Context);
