import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation } from "wouter";
import { loginPath } from "../account/next-path.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";

const PUBLIC = /^\/($|hot|video\/|user\/)/;

/** Tells that the server has ended the session; viewers of pages for members log in and return to this page. */
export function SessionEndWatch() {
  const { session } = useServices();
  const { t } = useI18n();
  const toast = useToast();
  const cache = useQueryClient();
  const [path, navigate] = useLocation();
  useEffect(
    () =>
      session.onEnded(() => {
        cache.removeQueries({ queryKey: ["me"] });
        cache.removeQueries({ queryKey: ["history"] });
        toast(t.sessionEnded);
        if (!PUBLIC.test(path)) navigate(loginPath(path + location.search), { replace: true });
      }),
    [session, cache, toast, t, path, navigate],
  );
  return null;
}
