import { problemOf } from "../api/problem.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { DownloadIcon } from "../ui/icons.tsx";
import { useAction } from "../ui/use-action.ts";
import { type FiguresWindow, tablePath } from "./figures-query.ts";

const READ_MS = 10_000;

/** Saves the numbers as a file. A link would not send who asks. */
export function SaveTable({ id, window }: { id: string | undefined; window: FiguresWindow }) {
  const { t } = useI18n();
  const { sendRaw } = useServices();
  const save = useAction({
    async mutationFn() {
      const answer = await sendRaw(new Request(new URL(tablePath(id, window), location.origin)));
      if (!answer.ok) throw await problemOf(answer);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = `douya-${id ? `${id}-` : ""}${window}.csv`;
      link.click();
      // Some browsers read it later.
      setTimeout(() => URL.revokeObjectURL(link.href), READ_MS);
    },
  });
  return (
    <button type="button" className="button" disabled={save.isPending} onClick={() => save.mutate()}>
      <DownloadIcon size={18} />
      {t.saveTable}
    </button>
  );
}
