import { script } from "../../redis/script.ts";

/*
 * One key holds either a value, "v…", or "a" for what is absent, or the lease of the one who loads it, "l…". So whatever
 * deletes the key voids the lease as well, and what was loaded under it is not stored (Nishtala et al., Scaling Memcache
 * at Facebook, 2013).
 */

/**
 * What is there, or ARGV[1], the lease that the caller now has for ARGV[2] ms. What would last longer than ARGV[3] ms, or
 * for ever, nobody wrote who keeps to the rules: it counts as nothing.
 */
export const lookUp = script(`
  local found = redis.call('GET', KEYS[1])
  if found then
    local left = redis.call('PTTL', KEYS[1])
    if left >= 0 and left <= tonumber(ARGV[3]) then return found end
  end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]`);

/** Stores ARGV[2] for ARGV[3] ms if the lease ARGV[1] still holds. */
export const fill = script(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1`);

/** Gives the lease ARGV[1] back, if it still holds. */
export const giveUp = script(`
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  return redis.call('DEL', KEYS[1])`);

/** Deletes, and tells the message ARGV[2] on the channel ARGV[1]. */
export const forget = script(`
  redis.call('DEL', KEYS[1])
  return redis.call('PUBLISH', ARGV[1], ARGV[2])`);
