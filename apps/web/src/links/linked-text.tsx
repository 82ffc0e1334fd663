import { Link } from "wouter";
import { linkify, videoIdOf } from "./linkify.ts";
import "./links.css";

/** A person's text with clickable links; links to this server stay in the client. */
export function LinkedText({ text }: { text: string }) {
  return linkify(text).map((part, i) => {
    if (typeof part === "string") return part;
    const { href, text: shown } = part;
    const videoId = videoIdOf(href, location.origin);
    // Always left to right, so that the host is at the expected place.
    const seen = { className: "text-link", dir: "ltr" };
    return videoId ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: a text does not change its order.
      <Link key={i} {...seen} href={`/video/${videoId}`}>
        {shown}
      </Link>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: a text does not change its order.
      <a key={i} {...seen} href={href} target="_blank" rel="noopener noreferrer nofollow ugc">
        {shown}
      </a>
    );
  });
}
