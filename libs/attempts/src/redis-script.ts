/**
 * `standingOf` and `begin` for Redis, in one script: nothing comes between looking and counting.
 * KEYS: sorted sets of attempts by time. ARGV: now, id, window, kept, remembered, then failures and lock of each step.
 * Answers {0, number of the key, time until it is free}, or {1} and for each key the failures with this one, and those without.
 */
export const BEGIN_SCRIPT = `
local now, id, window, kept, remembered = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local function failures(key)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if #last == 0 then return 0, 0 end
  local latest = tonumber(last[2])
  if now - latest >= kept then return 0, 0 end
  return redis.call('ZCOUNT', key, '(' .. string.format('%.0f', latest - window), '+inf'), latest
end

local function lock(count)
  local found = 0
  for at = 6, #ARGV, 2 do
    if count >= tonumber(ARGV[at]) then found = tonumber(ARGV[at + 1]) end
  end
  return found
end

local worst, longest = 0, 0
for at, key in ipairs(KEYS) do
  local count, latest = failures(key)
  local free = latest + lock(count) - now
  if lock(count) > 0 and free > longest then worst, longest = at, free end
end
if worst > 0 then return {0, worst, longest} end

local answer = {1}
for _, key in ipairs(KEYS) do
  local before, latest = failures(key)
  if before == 0 then redis.call('DEL', key) end
  redis.call('ZADD', key, math.max(now, latest), id)
  redis.call('ZREMRANGEBYRANK', key, 0, -remembered - 1)
  redis.call('PEXPIRE', key, kept)
  answer[#answer + 1] = failures(key)
  answer[#answer + 1] = before
end
return answer
`;
