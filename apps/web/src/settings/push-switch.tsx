import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { pushState, switchOff, switchOn } from "../notifications/push-device.ts";
import { useAction } from "../ui/use-action.ts";

const PUSH_STATE = ["push state"];

/** Whether this browser is told while no page is open; it asks for the permission upon a tap and never before. */
export function PushSwitch() {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const { data: state } = useQuery({ queryKey: PUSH_STATE, queryFn: pushState, staleTime: 0 });
  const change = useAction({
    mutationFn: () => (state === "on" ? switchOff(api) : switchOn(api)),
    onSettled: () => cache.invalidateQueries({ queryKey: PUSH_STATE }),
  });
  if (!state) return null;
  const why = { unable: t.pushUnable, "at home only": t.pushAtHomeOnly, refused: t.pushRefused };
  if (state !== "on" && state !== "off") return <p className="settings-none">{why[state]}</p>;
  return (
    <button type="button" className="button" disabled={change.isPending} onClick={() => change.mutate()}>
      {state === "on" ? t.pushOff : t.pushOn}
    </button>
  );
}
