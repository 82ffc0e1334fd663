import { useMutation } from "@tanstack/react-query";
import { useCallback } from "react";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";

/** A change from one state to another. */
export interface Step<State> {
  from: State;
  to: State;
}

/**
 * An action that is shown at once, and rolled back with the reason if the server refuses. Actions with the same
 * `scope` are sent one after the other, in the order of the taps.
 */
export function useOptimistic<State>(options: {
  scope: string;
  show(step: Step<State>): void;
  send(step: Step<State>): Promise<unknown>;
  onSuccess(): void;
}): (step: Step<State>) => void {
  const { scope, show, send, onSuccess } = options;
  const { t } = useI18n();
  const toast = useToast();
  const { mutate } = useMutation({
    scope: { id: scope },
    mutationFn: send,
    onError: (error, { from, to }) => {
      show({ from: to, to: from });
      toast(explain(t, error));
    },
    onSuccess,
  });
  return useCallback(
    (step) => {
      if (step.to === step.from) return;
      show(step);
      mutate(step);
    },
    [show, mutate],
  );
}
