import type { ReactNode } from "react";
import { Logo } from "./logo.tsx";
import "./notice.css";

interface Props {
  title: string;
  /** 1 if it is the only content of the page. */
  level?: 1 | 2;
  body?: string;
  children?: ReactNode;
}

/** A whole area with one message: empty, gone, failed. */
export function Notice({ title, level = 2, body, children }: Props) {
  const Heading = `h${level}` as const;
  return (
    <div className="notice">
      <Logo size={72} />
      <Heading>{title}</Heading>
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
