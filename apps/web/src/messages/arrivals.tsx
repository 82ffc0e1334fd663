import { useEffect, useRef, useState } from "react";
import { useUser } from "../api/services.tsx";
import type { Message } from "../api/types.ts";

/** Of many that come at once, the last ones. */
const MOST_SAID = 3;

interface Props {
  messages: readonly Message[];
  lineOf: (message: Message) => string;
}

/** Says what others write while the conversation is open to who hears the page. */
export function Arrivals({ messages, lineOf }: Props) {
  const me = useUser();
  const last = useRef(messages.at(-1)?.id ?? "0");
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const { current: before } = last;
    last.current = messages.at(-1)?.id ?? before;
    const heard = messages.filter(({ id, senderId }) => BigInt(id) > BigInt(before) && senderId !== me?.id);
    if (heard.length > 0) setFresh(new Set(heard.slice(-MOST_SAID).map(({ id }) => id)));
  }, [messages, me]);
  return (
    // One that changes, because it is recalled, is said without the others.
    <div role="status" aria-atomic="false" className="unseen">
      {messages.map((message) => fresh.has(message.id) && <p key={message.id}>{lineOf(message)}</p>)}
    </div>
  );
}
