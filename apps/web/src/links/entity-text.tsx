import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { LinkedText } from "./linked-text.tsx";

/** A text with its links, and with what the server has found in it: people who are mentioned, and hashtags. */
export function EntityText({ text, entities }: { text: string; entities: Video["titleEntities"] }) {
  const ends = [0, ...entities.map(({ end }) => end)];
  return (
    <>
      {entities.map(({ start, end, userId }, i) => {
        const shown = text.slice(start, end);
        return (
          <span key={start}>
            <LinkedText text={text.slice(ends[i], start)} />
            {userId ? (
              <Link className="text-link text-name" href={`/user/${userId}`}>
                {shown}
              </Link>
            ) : (
              <strong className="text-tag">{shown}</strong>
            )}
          </span>
        );
      })}
      <LinkedText text={text.slice(ends.at(-1))} />
    </>
  );
}
