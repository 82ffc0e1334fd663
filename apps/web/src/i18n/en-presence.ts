export const presence = {
  online: "Online",
  lastSeen: (when: string) => `Last seen ${when}`,
  writing: "typing…",
  showPresence: "Show when you are online",
  showPresenceBody:
    "Friends, and people with whom you have exchanged messages, see whether you are here and when you were. If you switch it off, you do not see it of others either.",
};
