import { setTimeout as delay } from "node:timers/promises";
import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { RateLimitOptions } from "#platform/protect/rate-limit.ts";

/**
 * Pages of lists: a page has ten videos or more. Who swipes on every half second and opens the comments of each video
 * asks for less than this.
 */
const ofPerson: RateLimitOptions = { burst: 600, perMinute: 120 };
/** A school or an office is behind one address. */
const ofAddress: RateLimitOptions = { burst: 6_000, perMinute: 1_200 };
/** How long a page takes that is more than anybody can watch. */
const slowMs = 500;
/** Requests that are slowed at once; each holds some kilobytes. */
const maxSlowed = 500;

/** Keeps those who copy everything from taking the place of those who watch. */
export interface Scraping {
  /**
   * Counts a page for a person, or for the address of a guest. Beyond what anybody can watch the page comes slowly; as
   * much beyond that it is refused. Error: TOO_MANY_PAGES.
   */
  take(person: string | undefined, address: string): Promise<void>;
}

export function createScraping(
  protect: Pick<Protection, "rateLimit">,
  slow: (ms: number) => Promise<unknown> = (ms) => delay(ms, undefined, { ref: false }),
): Scraping {
  const limits = {
    person: [protect.rateLimit("pages", ofPerson), protect.rateLimit("slow pages", ofPerson)],
    address: [
      protect.rateLimit("pages of an address", ofAddress),
      protect.rateLimit("slow pages of an address", ofAddress),
    ],
  } as const;
  let slowed = 0;

  return {
    async take(person, address) {
      const key = person ?? address;
      const [pages, slowPages] = person === undefined ? limits.address : limits.person;
      try {
        return await pages.take(key);
      } catch (error) {
        if (slowed >= maxSlowed) throw tooManyPages(error);
      }
      await slowPages.take(key).catch((error) => {
        throw tooManyPages(error);
      });
      slowed++;
      try {
        await slow(slowMs);
      } finally {
        slowed--;
      }
    },
  };
}

function tooManyPages(error: unknown): unknown {
  if (!(error instanceof DomainError) || error.kind !== "exhausted") return error;
  const { retryAfterMs = 1_000 } = error;
  return refusal("TOO_MANY_PAGES", { seconds: Math.ceil(retryAfterMs / 1_000) }, retryAfterMs);
}
