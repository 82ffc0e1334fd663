/** Hides a picture that could not be loaded; browsers show a broken one. */
export function hideTornImages(root: Document) {
  const look = ({ type, target }: Event) => {
    if (target instanceof HTMLImageElement) target.style.visibility = type === "error" ? "hidden" : "";
  };
  root.addEventListener("error", look, true);
  root.addEventListener("load", look, true);
}
