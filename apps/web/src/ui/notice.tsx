import type { ReactNode } from "react";
import { Logo } from "./logo.tsx";
import "./notice.css";

interface Props {
  title: string;
  body?: string;
  children?: ReactNode;
}

/** A whole area with one message: empty, gone, failed. */
export function Notice({ title, body, children }: Props) {
  return (
    <div className="notice">
      <Logo size={72} />
      <h2>{title}</h2>
      {body && <p>{body}</p>}
      {children && <div className="notice-actions">{children}</div>}
    </div>
  );
}

export function Spinner({ label }: { label: string }) {
  return (
    <div className="spinner" role="status">
      <span className="unseen">{label}</span>
    </div>
  );
}
