import { useI18n } from "../i18n/i18n.tsx";
import { EditIcon, TrashIcon } from "../ui/icons.tsx";

export type ChangeStep = "edit" | "delete";

/** The author's entries in a video's menu; each opens its own dialog. */
export function ChangeVideo({ onStep }: { onStep: (step: ChangeStep) => void }) {
  const { t } = useI18n();
  return (
    <>
      <button type="button" onClick={() => onStep("edit")}>
        <EditIcon />
        {t.editVideo}
      </button>
      <button type="button" className="menu-danger" onClick={() => onStep("delete")}>
        <TrashIcon />
        {t.deleteVideo}
      </button>
    </>
  );
}
