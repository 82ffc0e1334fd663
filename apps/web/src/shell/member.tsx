import type { ReactNode } from "react";
import { Redirect, useLocation } from "wouter";
import { loginPath } from "../account/next-path.ts";
import { useUser } from "../api/services.tsx";

/** Pages for people with an account: others log in first and return. */
export function Member({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  return useUser() ? children : <Redirect to={loginPath(path + location.search)} replace />;
}
