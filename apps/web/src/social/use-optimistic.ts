import { useCallback } from "react";
import { useAction } from "../ui/use-action.ts";

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
  const { mutate } = useAction({
    scope: { id: scope },
    mutationFn: send,
    onError: (_, { from, to }) => show({ from: to, to: from }),
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
