import { useState } from "react";
import type { ActName, ModerationReason, Subject } from "../api/types.ts";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { timed } from "./acts-of.ts";
import { reasonsOf } from "./reasons-of.ts";
import { useAct } from "./use-act.ts";
import { useModerating } from "./use-moderating.ts";

const HOUR_MS = 3_600_000;
const TIMES = { hour: HOUR_MS, day: 24 * HOUR_MS, week: 168 * HOUR_MS, month: 720 * HOUR_MS };
type Time = keyof typeof TIMES | "good";
const MAX_CHARACTERS = 1_000;

interface Props {
  act: ActName;
  subjects: Subject[];
  /** What most reports say. */
  reason?: ModerationReason | undefined;
  onDone: () => void;
  onClose: () => void;
}

/** Asks a moderator why, for how long, and what is said to whom. */
export function ActDialog({ act, subjects, reason: guess, onDone, onClose }: Props) {
  const { t } = useModerating();
  const [reason, setReason] = useState<ModerationReason>(guess ?? "spam");
  const [text, setText] = useState("");
  const [note, setNote] = useState("");
  const [time, setTime] = useState<Time>("good");
  const doing = useAct();
  const judges = act !== "dismiss" && act !== "restore" && act !== "release" && act !== "unlock-comments";
  const tells = act !== "dismiss" && act !== "keep" && act !== "release";
  return (
    <Dialog title={t.acts[act]} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          doing.mutate(
            {
              ...{ act, subjects, text: text.trim(), note: note.trim() },
              ...(judges && { reason }),
              ...(time !== "good" && { until: new Date(Date.now() + TIMES[time]).toISOString() }),
            },
            { onSuccess: onDone },
          );
        }}
      >
        {judges && (
          <Segmented label={t.actReason} value={reason} options={reasonsOf(t)} onChange={setReason} />
        )}
        {timed.includes(act) && (
          <Segmented
            label={t.actUntil}
            value={time}
            options={(["good", "hour", "day", "week", "month"] as const).map((one) => [one, t.actTimes[one]])}
            onChange={setTime}
          />
        )}
        {tells && (
          <TextArea label={t.actText} rows={2} maxCharacters={MAX_CHARACTERS} value={text} onText={setText} />
        )}
        <TextArea label={t.actNote} rows={1} maxCharacters={MAX_CHARACTERS} value={note} onText={setNote} />
        <DialogActions action={t.acts[act]} busy={doing.isPending} danger={judges} onClose={onClose} />
      </form>
    </Dialog>
  );
}
