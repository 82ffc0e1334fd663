import { useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { useServices } from "../api/services.tsx";

/** Ends the session in this browser, which forgets everything of the viewer. */
export function useLeave(): () => void {
  const { session, uploads, pictureUploads, drafts, outbox } = useServices();
  const cache = useQueryClient();
  const [, navigate] = useLocation();
  return () => {
    uploads.reset();
    pictureUploads.reset();
    outbox.clear();
    session.end("left");
    cache.clear();
    drafts.clear();
    navigate("/");
  };
}
