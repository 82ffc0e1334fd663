/** Into the field of a drawer, after what is in it: the browser would begin before a draft. */
export function focusField(drawer: Element | null | undefined): void {
  const field = drawer?.querySelector("textarea");
  field?.focus({ preventScroll: true });
  field?.setSelectionRange(field.value.length, field.value.length);
}
