/**
 * How long this person stays with films, in seconds, and what is therefore worth fetching. Kept for the visit. The idea
 * is Dashlet's (NSDI '23).
 */
export interface Stays {
  /** A film has left the view after `stayS`. Infinity: its end was seen, so it says nothing about longer films. */
  note(stayS: number): void;
  /** How far ahead of `atS` a film that is seen is worth fetching. */
  worthS(atS: number): number;
  /** Of how many next films the beginning is worth fetching. */
  filmsAhead(): number;
}

/** Counts like stays of this person, until they have shown more: some leave at once, some see the end. */
const USUAL_S = [1, 1.5, 2, 3, 5, 8, 12, Infinity, Infinity, Infinity];
const KEPT = 20;
/** What fewer than nine in ten would see is not worth it: besides, some must be there that is then not seen. */
const MAY_LEAVE = 0.1;
/** Who leaves sooner is looking for something, and may leave the next film too. */
const GLANCE_S = 2;
const MOST_FILMS = 3;
/** That all films before it are left at once. */
const LEAST_CHANCE = 0.25;

export function createStays(): Stays {
  const recent: number[] = [];
  const after = (atS: number) => [...USUAL_S, ...recent].filter((stayS) => stayS > atS).sort((a, b) => a - b);
  return {
    note(stayS) {
      recent.push(stayS);
      if (recent.length > KEPT) recent.shift();
    },
    worthS(atS) {
      const later = after(atS);
      return later[Math.floor(later.length * MAY_LEAVE)]! - atS;
    },
    filmsAhead() {
      const glances = 1 - after(GLANCE_S).length / (USUAL_S.length + recent.length);
      let films = 1;
      for (let chance = glances; chance >= LEAST_CHANCE && films < MOST_FILMS; chance *= glances) films++;
      return films;
    },
  };
}

export const stays = createStays();
