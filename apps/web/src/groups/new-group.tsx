import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { newKey } from "../social/new-key.ts";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { PlusIcon } from "../ui/icons.tsx";
import { useAction } from "../ui/use-action.ts";
import { groupPath } from "./group-queries.ts";
import { PickFriends } from "./pick-friends.tsx";
import { usePicked } from "./use-picked.ts";
import { useSayBrought } from "./use-say-brought.ts";
import "./groups.css";

export const MAX_NAME = 40;

/** Opens the form for a new group. */
export function NewGroupButton({ me }: { me: User }) {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="icon-button"
        aria-label={t.groups.create}
        title={t.groups.create}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <PlusIcon />
      </button>
      {open && <NewGroup me={me} onClose={() => setOpen(false)} />}
    </>
  );
}

function NewGroup({ me, onClose }: { me: User; onClose: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const [, navigate] = useLocation();
  const [name, setName] = useState("");
  const { picked, pick } = usePicked();
  const sayBrought = useSayBrought();
  // A repeated request is the same group.
  const [idempotencyKey] = useState(newKey);
  const create = useAction({
    mutationFn: () =>
      take(api.POST("/api/v1/groups", { body: { name: name.trim(), userIds: [...picked], idempotencyKey } })),
    onSuccess: (made) => {
      void cache.invalidateQueries({ queryKey: ["conversations"] });
      if (made.invited.length + made.notAdded.length > 0) sayBrought(made);
      onClose();
      navigate(groupPath(made.group.id));
    },
  });
  return (
    <Dialog title={t.groups.create} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Field
          label={t.groups.name}
          value={name}
          maxLength={MAX_NAME}
          required
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
        <PickFriends me={me} picked={picked} onPick={pick} />
        <DialogActions
          action={create.isPending ? t.groups.creating : t.groups.createAction}
          busy={create.isPending || name.trim() === ""}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}
