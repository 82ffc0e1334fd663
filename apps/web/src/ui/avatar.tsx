import type { User } from "../api/types.ts";
import "./avatar.css";

const HUES = 6;

/** The picture of a person, or the first letter of the name on a colour of their own. */
export function Avatar({ user, size }: { user: Pick<User, "id" | "name" | "avatarUrl">; size: number }) {
  const style = { width: size, height: size, fontSize: size * 0.42 };
  if (user.avatarUrl) {
    return <img className="avatar" style={style} src={user.avatarUrl} alt="" draggable={false} />;
  }
  const hue = Number(user.id.slice(-4)) % HUES || 0;
  return (
    <span className="avatar" data-hue={hue} style={style} aria-hidden="true">
      {[...user.name][0]?.toUpperCase() ?? "?"}
    </span>
  );
}
