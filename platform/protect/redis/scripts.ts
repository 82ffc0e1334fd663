import { script } from "../../redis/script.ts";

/** By the clock of Redis: those of processes may differ. */
const now = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * Takes up to ARGV[3] tokens from a bucket that holds ARGV[1] and gains ARGV[2] a millisecond, after ARGV[4] were given
 * back. Answers how many, and otherwise the milliseconds until there is one.
 */
export const takeTokens = script(`${now}
  local burst, perMs = tonumber(ARGV[1]), tonumber(ARGV[2])
  local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
  local tokens, at = tonumber(bucket[1]) or burst, tonumber(bucket[2]) or now
  tokens = math.min(burst, tokens + math.max(0, now - at) * perMs + tonumber(ARGV[4]))
  local taken = math.max(0, math.min(tonumber(ARGV[3]), math.floor(tokens)))
  tokens = tokens - taken
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', now)
  redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / perMs) + 1000)
  return {taken, math.ceil(math.max(0, 1 - tokens) / perMs)}`);

const guesses = `${now}
  local perMs = tonumber(ARGV[1])
  local found = redis.call('HMGET', KEYS[1], 'level', 'at', 'open', 'opened')
  local level, at = tonumber(found[1]) or 0, tonumber(found[2]) or 0
  local open, opened = tonumber(found[3]) or 0, tonumber(found[4]) or 0
  -- Whoever opened them and never came back is dead.
  if now - opened > 60000 then open = 0 end
  local function left(of, since) return math.max(0, of - math.max(0, now - since) * perMs) end
  local function keep()
    redis.call('HSET', KEYS[1], 'level', string.format('%.9f', level), 'at', at, 'open', open, 'opened', opened)
    redis.call('PEXPIRE', KEYS[1], math.ceil(left(level, at) / perMs) + 120000)
  end`;

/**
 * Opens a guess: ARGV[2] are free, then each waits twice as long as the one before, ARGV[3] ms the first. ARGV[4] and [5]
 * are the level that was stored and its time. Answers whether it may be made, and otherwise the milliseconds to wait.
 */
export const openGuess = script(`${guesses}
  if left(tonumber(ARGV[4]), tonumber(ARGV[5])) > left(level, at) then level, at = tonumber(ARGV[4]), tonumber(ARGV[5]) end
  local beyond = math.floor(left(level, at) + open + 0.5) - tonumber(ARGV[2])
  if beyond >= 0 then
    local last = at
    if open > 0 then last = now end
    local wait = last + tonumber(ARGV[3]) * 2 ^ math.min(beyond, 30) - now
    if wait > 0 then return {0, math.ceil(wait)} end
  end
  open, opened = open + 1, now
  keep()
  return {1, 0}`);

/** Closes a guess; ARGV[2] is 1 if it was wrong. Answers the level, as text, and its time. */
export const closeGuess = script(`${guesses}
  open = math.max(0, open - 1)
  if ARGV[2] == '1' then level, at = left(level, at) + 1, now end
  keep()
  return {tostring(level), at}`);

/** Says that ARGV[1] lives, and counts those who said so in the last ARGV[2] ms. */
export const countProcesses = script(`${now}
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return redis.call('ZCARD', KEYS[1])`);
