import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation } from "wouter";
import { loginPath } from "../account/next-path.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";

const PUBLIC = /^\/($|hot|video\/|user\/)/;

/** When the server ends the session: say so; who was not just watching logs in and comes back to this page. */
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
        toast(t.sessionEnded);
        if (!PUBLIC.test(path)) navigate(loginPath(path + location.search), { replace: true });
      }),
    [session, cache, toast, t, path, navigate],
  );
  return null;
}
