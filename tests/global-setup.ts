// @ts-expect-error plain JavaScript, since it runs before anything is installed
import { prepare } from "../scripts/prepare.mjs";

/** The scenarios start the built program. */
export default async function setup(): Promise<void> {
  await prepare();
}
