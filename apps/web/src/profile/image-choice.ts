import { useEffect, useState } from "react";
import { scaleImage } from "./scale-image.ts";

/** The URL of a chosen picture; null for the default one. */
export const ownPicture = (url: string): string | null => (url.includes("/media/default/") ? null : url);

/** The default picture that the server draws. */
export const drawnPicture = (kind: "avatar" | "background", userId: string) =>
  `/media/default/${kind}/${userId}.png`;

/** Undefined: unchanged. Null: remove it. */
export type Choice = Blob | null | undefined;

/** A picture chosen but not sent yet, with a URL to show it. */
export function useImageChoice(current: string | null, width: number, height: number) {
  const [choice, setChoice] = useState<Choice>(undefined);
  const [url, setUrl] = useState<string | null>(current);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!choice) return setUrl(choice === null ? null : current);
    const made = URL.createObjectURL(choice);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [choice, current]);
  return {
    choice,
    url,
    failed,
    remove: () => setChoice(null),
    async pick(file: File) {
      try {
        setChoice(await scaleImage(file, width, height));
        setFailed(false);
      } catch {
        setFailed(true);
      }
    },
  };
}
