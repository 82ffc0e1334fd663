import { expect } from "vitest";
import { freshClip } from "../harness/clips.ts";
import { registerMany } from "../harness/crowd.ts";
import type { Person, Scenario } from "../harness/scenario.ts";

/** Who and what a workload acts on. */
export interface Cast {
  people: Person[];
  /** Those who follow each other, so that they may write to each other freely. */
  friends: Person[];
  videoIds: string[];
}

/** Registers a dozen people, makes half of them friends, and publishes two videos. */
export async function cast(server: Scenario): Promise<Cast> {
  const people = await registerMany(server, 12);
  const friends = people.slice(0, 6);
  for (const me of friends) {
    const others = friends.filter((other) => other !== me);
    await Promise.all(others.map((other) => me.put(`/users/${other.id}/follow`)));
  }
  const videoIds: string[] = [];
  for (const author of people.slice(0, 2)) {
    const video = await author.settled((await author.publish(freshClip())).id);
    expect(video.state).toBe("published");
    videoIds.push(video.id);
  }
  return { people, friends, videoIds };
}
