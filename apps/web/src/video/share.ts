export type ShareResult = "shared" | "copied" | "failed";

/**
 * Shares a link that may not be known yet. Opens the system's share sheet if there is one, else copies the link. Both need https; on plain http (a server in a
 * local network) the old copy command still works.
 */
export async function shareLink(
  link: string | Promise<string>,
  title: string,
  touch: boolean,
): Promise<ShareResult> {
  if (touch && navigator.share) {
    try {
      await navigator.share({ url: await link, title });
      return "shared";
    } catch (error) {
      if ((error as DOMException).name === "AbortError") return "shared";
    }
  }
  try {
    await copy(link);
    return "copied";
  } catch {
    return copyBySelection(await link) ? "copied" : "failed";
  }
}

/** Safari copies only at the tap itself, which the text may follow. */
function copy(link: string | Promise<string>): Promise<void> {
  if (typeof link === "string") return navigator.clipboard.writeText(link);
  const text = link.then((found) => new Blob([found], { type: "text/plain" }));
  return navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
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
