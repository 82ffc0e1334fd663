import { useQueryClient } from "@tanstack/react-query";
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
  /** Writes a state, which may be shown already, into all that shows it. */
  show(state: State): void;
  /** Changes what is counted of people. */
  count?(step: Step<State>): void;
  send(step: Step<State>): Promise<unknown>;
  onSuccess(): void;
}): (step: Step<State>) => void {
  const { scope, show, count, send, onSuccess } = options;
  const cache = useQueryClient();
  /** A later tap is shown already. */
  const isLast = () =>
    cache.isMutating({ predicate: ({ options: { scope: of } }) => of?.id === scope }) === 1;
  const { mutate } = useAction({
    scope: { id: scope },
    async mutationFn(step: Step<State>) {
      // Answers that come meanwhile are from before it.
      const stop = cache.getQueryCache().subscribe((event) => {
        const isAnswer = event.type === "updated" && event.action.type === "success" && !event.action.manual;
        if (isAnswer && isLast()) show(step.to);
      });
      return await send(step).finally(stop);
    },
    onError(_, { from, to }) {
      count?.({ from: to, to: from });
      if (isLast()) show(from);
    },
    onSuccess(_, { to }) {
      // Once more, for answers that are under way: they may be from before it.
      if (isLast()) show(to);
      onSuccess();
    },
  });
  return useCallback(
    (step) => {
      if (step.to === step.from) return;
      show(step.to);
      count?.(step);
      mutate(step);
    },
    [show, count, mutate],
  );
}
