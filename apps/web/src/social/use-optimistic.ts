import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useAction } from "../ui/use-action.ts";
import { createConfirmed } from "./confirmed.ts";

/** A change from one state to another. */
export interface Step<State> {
  from: State;
  to: State;
}

const confirmed = createConfirmed<unknown>();

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
  const { mutate } = useAction({
    scope: { id: scope },
    async mutationFn(step: Step<State>) {
      // Answers that come meanwhile are from before it.
      const stop = cache.getQueryCache().subscribe((event) => {
        const isAnswer = event.type === "updated" && event.action.type === "success" && !event.action.manual;
        if (isAnswer && confirmed.isLast(scope)) show(step.to);
      });
      return await send(step).finally(stop);
    },
    onError(_, { from, to }) {
      count?.({ from: to, to: from });
      const now = confirmed.failed(scope);
      if (now) show(now.state as State);
    },
    onSuccess(_, { to }) {
      // Once more, for answers that are under way: they may be from before it. A later tap is shown already.
      if (confirmed.isLast(scope)) show(to);
      confirmed.accepted(scope, to);
      onSuccess();
    },
  });
  return useCallback(
    (step) => {
      if (step.to === step.from) return;
      const underWay = cache.isMutating({ predicate: ({ options }) => options.scope?.id === scope });
      confirmed.begin(scope, step.from, underWay === 0);
      show(step.to);
      count?.(step);
      mutate(step);
    },
    [cache, scope, show, count, mutate],
  );
}
