import { type ComponentProps, useEffect, useRef, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";

type DrawerType = typeof import("./comments-drawer.tsx").default;
let loadedDrawer: DrawerType | undefined;

/** Preloaded, so that it opens at once. */
export const loadDrawer = async () => {
  const module = await import("./comments-drawer.tsx");
  loadedDrawer = module.default;
  return module;
};

/**
 * Synchronous if it is loaded already, so that the field has the focus before the next key. If the code cannot be
 * loaded, the drawer closes with a message, and the video continues.
 */
export function LazyCommentsDrawer(props: ComponentProps<DrawerType>) {
  const { t } = useI18n();
  const toast = useToast();
  const [Drawer, setDrawer] = useState(() => loadedDrawer);
  const close = useRef(props.onClose);
  close.current = props.onClose;
  const missing = !Drawer;
  useEffect(() => {
    if (!missing) return;
    const left = new AbortController();
    loadDrawer().then(
      (module) => left.signal.aborted || setDrawer(() => module.default),
      () => {
        if (left.signal.aborted) return;
        toast(t.missingTitle);
        close.current();
      },
    );
    const onKey = ({ key }: KeyboardEvent) => key === "Escape" && close.current();
    addEventListener("keydown", onKey, left);
    return () => left.abort();
  }, [missing, toast, t]);
  return Drawer && <Drawer {...props} />;
}
