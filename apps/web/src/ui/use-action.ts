import { type UseMutationOptions, useMutation } from "@tanstack/react-query";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "./toast.tsx";

type Options<Answer, Input> = Omit<UseMutationOptions<Answer, Error, Input>, "onError"> & {
  onError?: (error: Error, input: Input) => void;
};

/** A mutation whose refusal is shown as a message, after `onError`. */
export function useAction<Answer, Input = void>({ onError, ...options }: Options<Answer, Input>) {
  const { t } = useI18n();
  const toast = useToast();
  return useMutation({
    ...options,
    onError: (error, input) => {
      onError?.(error, input);
      toast(explain(t, error));
    },
  });
}
