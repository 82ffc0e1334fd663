import { useState } from "react";

/** People that were ticked. */
export function usePicked() {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  return {
    picked,
    pick(id: string, is: boolean) {
      setPicked((before) => {
        const next = new Set(before);
        if (is) next.add(id);
        else next.delete(id);
        return next;
      });
    },
  };
}
