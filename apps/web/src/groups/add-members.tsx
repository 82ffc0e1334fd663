import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { take } from "../api/client.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Group } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { useAction } from "../ui/use-action.ts";
import { membersQuery } from "./group-queries.ts";
import { PickFriends } from "./pick-friends.tsx";
import { usePicked } from "./use-picked.ts";
import { useSayBrought } from "./use-say-brought.ts";

/** Brings friends into a group. */
export function AddMembers({ group, onClose }: { group: Group; onClose: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const { picked, pick } = usePicked();
  const sayBrought = useSayBrought();
  const { data } = useInfiniteQuery(membersQuery(api, group.id));
  const here = new Set(data?.pages.flatMap((page) => page.items.map(({ user }) => user.id)));
  const add = useAction({
    mutationFn: () =>
      take(
        api.POST("/api/v1/groups/{id}/members", {
          params: { path: { id: group.id } },
          body: { userIds: [...picked] },
        }),
      ),
    onSuccess: (brought) => {
      sayBrought(brought);
      void cache.invalidateQueries({ queryKey: ["group", group.id] });
      onClose();
    },
  });
  return (
    <Dialog title={t.groups.add} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        {me && <PickFriends me={me} picked={picked} without={here} onPick={pick} />}
        <DialogActions
          action={t.groups.addAction}
          busy={add.isPending || picked.size === 0}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}
