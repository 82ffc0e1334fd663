import type { CSSProperties } from "react";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { placeholder } from "../video/placeholder.ts";
import { useFreshAddress } from "../video/use-fresh-address.ts";
import { useRetries } from "./use-retries.ts";

interface Props {
  video: Video;
  picture: Video["pictures"][number];
  /** What it is called where its author does not say what it shows. */
  place: string;
  inView: boolean;
  onLoad: () => void;
}

/** One picture of a post, in the size that fits. */
export function Picture({ video, picture, place, inView, onLoad }: Props) {
  const { t } = useI18n();
  const { alt, width, height, thumbHash, sizes } = picture;
  const { failed, tries, onError } = useRetries(inView);
  useFreshAddress(video, inView && failed);
  const address = sizes.at(-1)?.url;
  if (failed && inView)
    return (
      <p className="pictures-failed" role="alert">
        {t.picturesFailed}
      </p>
    );
  return (
    <img
      key={`${tries} ${address}`}
      src={address}
      srcSet={sizes.map((size) => `${size.url} ${size.width}w`).join()}
      sizes="(min-width: 900px) min(70vw, calc(90vh * var(--shape))), 100vw"
      alt={alt || place}
      style={{ "--shape": width / height, ...placeholder({ thumbHash }, "contain") } as CSSProperties}
      width={width}
      height={height}
      fetchPriority={inView ? "high" : "low"}
      draggable={false}
      onLoad={onLoad}
      onError={onError}
    />
  );
}
