import { useEffect, useRef } from "react";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { refusedTitle } from "./refused-title.ts";
import type { UploadState } from "./upload-store.ts";

/** Tells the outcome of an upload on other pages. */
export function useUploadNews({ step, publishWhenSent, publication, problem }: UploadState) {
  const { t } = useI18n();
  const toast = useToast();
  const known = useRef(step);
  useEffect(() => {
    if (known.current === step) return;
    known.current = step;
    if (location.pathname === "/upload") return;
    if (step === "refused") toast(refusedTitle(t, problem));
    if (step === "sent" && !publishWhenSent) toast(problem ? explain(t, problem) : t.sentNews);
    if (step === "published") toast(publication.when === "now" ? t.publishedNews : t.draftSaved);
  }, [step, publishWhenSent, publication, problem, t, toast]);
}
