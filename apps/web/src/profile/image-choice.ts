import { useEffect, useState } from "react";
import { scaleImage } from "./scale-image.ts";

/** The address of a picture somebody chose; null for the one the server draws for everybody else. */
export const ownPicture = (url: string): string | null => (url.includes("/media/default/") ? null : url);

/** What the server draws for who has chosen nothing. */
export const drawnPicture = (kind: "avatar" | "background", userId: string) =>
  `/media/default/${kind}/${userId}.png`;

/** Undefined: left as it is. Null: to be removed. */
export type Choice = Blob | null | undefined;

/** A picture chosen but not yet sent, with an address to show it by. */
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
