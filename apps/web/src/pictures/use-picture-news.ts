import { useEffect, useRef } from "react";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import type { PictureUploadState } from "./picture-upload-store.ts";

/** Tells the outcome of a publication on other pages. */
export function usePictureNews({ step, drafts, publication, problem }: PictureUploadState) {
  const { t } = useI18n();
  const toast = useToast();
  const known = useRef(step);
  const refused = problem ?? drafts.find((draft) => draft.problem)?.problem;
  useEffect(() => {
    const before = known.current;
    known.current = step;
    if (before !== "publishing" || step === before || location.pathname === "/upload") return;
    if (step === "published") toast(publication.when === "now" ? t.picturesPublishedNews : t.draftSaved);
    else if (refused) toast(explain(t, refused));
  }, [step, publication, refused, t, toast]);
}
