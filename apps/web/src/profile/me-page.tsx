export default function Page(_: { id?: string }) {
  return null;
}
