export type ShareResult = "shared" | "copied" | "failed";

/**
 * Opens the system's share sheet if there is one, else copies the link. Both need https; on plain http (a server in a
 * local network) the old copy command still works.
 */
export async function shareLink(url: string, title: string, touch: boolean): Promise<ShareResult> {
  if (touch && navigator.share) {
    try {
      await navigator.share({ url, title });
      return "shared";
    } catch (error) {
      if ((error as DOMException).name === "AbortError") return "shared";
    }
  }
  try {
    await navigator.clipboard.writeText(url);
    return "copied";
  } catch {
    return copyBySelection(url) ? "copied" : "failed";
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}
