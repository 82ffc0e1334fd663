import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Group } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { TickBox } from "../ui/tick-box.tsx";
import { useAction } from "../ui/use-action.ts";
import { groupQuery } from "./group-queries.ts";
import { MAX_NAME } from "./new-group.tsx";

const MAX_ANNOUNCEMENT = 500;

/** A group's name, its announcement, and what newcomers see. */
export function EditGroup({ group, onClose }: { group: Group; onClose: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  // What others change meanwhile stays.
  const [before] = useState(group);
  const [name, setName] = useState(group.name);
  const [announcement, setAnnouncement] = useState(group.announcement);
  const [showsLatest, setShowsLatest] = useState(group.showsLatest);
  const save = useAction({
    mutationFn: () =>
      take(
        api.PATCH("/api/v1/groups/{id}", {
          params: { path: { id: group.id } },
          body: {
            ...(name.trim() !== before.name && { name: name.trim() }),
            ...(announcement.trim() !== before.announcement && { announcement: announcement.trim() }),
            ...(showsLatest !== before.showsLatest && { showsLatest }),
          },
        }),
      ),
    onSuccess: (saved) => {
      cache.setQueryData(groupQuery(api, group.id).queryKey, saved);
      void cache.invalidateQueries({ queryKey: ["conversations"] });
      onClose();
    },
  });
  return (
    <Dialog title={t.groups.edit} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
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
        <TextArea
          label={t.groups.announcement}
          value={announcement}
          maxCharacters={MAX_ANNOUNCEMENT}
          lines
          rows={4}
          onText={setAnnouncement}
        />
        <TickBox
          type="checkbox"
          label={t.groups.showsLatest}
          hint={t.groups.showsLatestHint}
          checked={showsLatest}
          onChange={setShowsLatest}
        />
        <DialogActions
          action={save.isPending ? t.saving : t.save}
          busy={save.isPending || name.trim() === ""}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}
