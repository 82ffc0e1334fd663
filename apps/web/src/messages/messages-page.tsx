import { useState } from "react";
import { useSearch } from "wouter";
import { useUser } from "../api/services.tsx";
import { GroupConversation } from "../groups/group-conversation.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice } from "../ui/notice.tsx";
import { useMedia } from "../ui/use-media.ts";
import { Conversation } from "./conversation.tsx";
import { Inbox } from "./inbox.tsx";
import "../people/people.css";
import "./messages.css";

/** Conversations and one of them: side by side on a desktop, one after the other on a phone. */
export default function MessagesPage({ peerId, groupId }: { peerId?: string; groupId?: string }) {
  const { t } = useI18n();
  const me = useUser();
  const wide = useMedia("(min-width: 900px)");
  const openId = groupId ?? peerId;
  usePageTitle(openId ? undefined : t.messages);
  const around = /^[1-9]\d{0,18}$/.exec(new URLSearchParams(useSearch()).get("message") ?? "")?.[0];
  // Here, since on a phone the list is away while one reads what was found.
  const [text, setText] = useState("");
  if (!me) return null;
  return (
    <div className="messages">
      {(wide || !openId) && <Inbox me={me} openId={openId} text={text} onText={setText} />}
      {groupId ? (
        <GroupConversation key={groupId} groupId={groupId} around={around} alone={!wide} />
      ) : peerId ? (
        <Conversation key={peerId} peerId={peerId} around={around} alone={!wide} />
      ) : (
        wide && (
          <div className="chat">
            <Notice title={t.pickConversation} />
          </div>
        )
      )}
    </div>
  );
}
