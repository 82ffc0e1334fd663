import { useEffect, useRef, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";

/** Older pages that are loaded on the way to a message. */
const MOST_PAGES = 20;
const SHOWN_MS = 2_000;

interface Options {
  /** Whether the message is loaded. */
  has: (messageId: string) => boolean;
  hasOlder: boolean;
  isFetching: boolean;
  onOlder: () => unknown;
  rowId: (messageId: string) => string;
}

/** Goes to a message of a conversation: loads what lies between, shows it in the middle and marks it for a moment. */
export function useGoTo({ has, hasOlder, isFetching, onOlder, rowId }: Options) {
  const { t } = useI18n();
  const toast = useToast();
  const [target, setTarget] = useState<string>();
  const [sought, setSought] = useState<string>();
  const pages = useRef(0);
  const isThere = target !== undefined && has(target);
  // biome-ignore lint/correctness/useExhaustiveDependencies: one step for each state of the list.
  useEffect(() => {
    if (target === undefined || isFetching) return;
    if (isThere) {
      document.getElementById(rowId(target))?.scrollIntoView({ block: "center" });
      setSought(target);
      setTarget(undefined);
    } else if (hasOlder && pages.current++ < MOST_PAGES) onOlder();
    else {
      toast(t.messageTooFar);
      setTarget(undefined);
    }
  }, [target, isThere, isFetching, hasOlder]);
  useEffect(() => {
    if (sought === undefined) return;
    const timer = setTimeout(() => setSought(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [sought]);
  return {
    sought,
    goTo(messageId: string) {
      pages.current = 0;
      setTarget(messageId);
    },
  };
}
