import { useCallback } from "react";
import { take } from "../api/client.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { PICTURE } from "../pictures/use-carousel.ts";
import { useToast } from "../ui/toast.tsx";
import { shareLink } from "./share.ts";

/** The path of a page, or how to find it out. */
export type SharedPath = string | (() => Promise<string>);

/** A browser shares only for some seconds after a tap. */
const WAIT_MS = 3_000;

/** Shares a link with the system or the clipboard, and confirms it. */
export function useShare(path: SharedPath, title: string) {
  const { t } = useI18n();
  const toast = useToast();
  return useCallback(async () => {
    const touch = matchMedia("(pointer: coarse)").matches;
    const { origin } = location;
    const link = typeof path === "string" ? origin + path : path().then((found) => origin + found);
    const result = await shareLink(link, title, touch);
    if (result !== "shared") toast(result === "copied" ? t.linkCopied : t.copyFailed);
  }, [path, title, t, toast]);
}

/**
 * A link to a video, or to a picture of a post by its number, that counts as shared; the plain one for guests, and when
 * the server does not answer.
 */
export function useVideoPath({ id }: Video, picture?: number): SharedPath {
  const { api } = useServices();
  const isMember = useUser() !== null;
  return useCallback(async () => {
    const plain = `/video/${id}${picture ? `?${PICTURE}=${picture}` : ""}`;
    if (!isMember) return plain;
    const params = { path: { id }, ...(picture && { query: { picture } }) };
    const options = { params, signal: AbortSignal.timeout(WAIT_MS) };
    return take(api.POST("/api/v1/videos/{id}/shares", options)).then(
      ({ code }) => `/s/${code}`,
      () => plain,
    );
  }, [api, isMember, id, picture]);
}
