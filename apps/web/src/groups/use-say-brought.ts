import type { BroughtIn } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";

/** Says who came in, and who did not. */
export function useSayBrought() {
  const { t, format } = useI18n();
  const toast = useToast();
  return ({ added, invited, notAdded }: BroughtIn) => {
    const { done } = t.groups;
    const parts = [
      added.length > 0 && done.added(format.number(added.length)),
      invited.length > 0 && done.invited(format.number(invited.length)),
      notAdded.length > 0 && done.notAdded(format.number(notAdded.length)),
    ];
    const text = parts.filter(Boolean).join(" · ");
    if (text) toast(text);
  };
}
