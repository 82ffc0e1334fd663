/** Focuses the field of a drawer, with the cursor after the draft: the browser would put it before. */
export function focusField(drawer: Element | null | undefined): void {
  const field = drawer?.querySelector("textarea");
  field?.focus({ preventScroll: true });
  field?.setSelectionRange(field.value.length, field.value.length);
}
