import type { Group } from "../api/types.ts";
import { Avatar } from "../ui/avatar.tsx";
import "./group-avatar.css";

const SHOWN = 4;

/** Some of the people of a group, as its picture. */
export function GroupAvatar({ group: { faces }, size }: { group: Pick<Group, "faces">; size: number }) {
  const shown = faces.slice(0, SHOWN);
  const each = shown.length > 1 ? size * 0.47 : size;
  return (
    <span className="group-avatar" style={{ width: size, height: size }} aria-hidden="true">
      {shown.map((user) => (
        <Avatar key={user.id} user={user} size={each} />
      ))}
    </span>
  );
}
