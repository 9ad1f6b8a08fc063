-- Take over what a dead aggregator had taken.
-- KEYS: taken_of_the_dead taken takers
-- ARGV: dead most silence_ms
-- FLAGS: allow-oom
-- Returns: how many messages were taken over; -1 where that aggregator lives
local function adopt_reports(keys, args)
  local seen = redis.call('ZSCORE', keys[3], args[1])
  if seen and tonumber(seen) > now_ms() - tonumber(args[3]) then
    return -1
  end
  local held = redis.call('LRANGE', keys[1], 0, tonumber(args[2]) - 1)
  for _, message in ipairs(held) do
    redis.call('RPUSH', keys[2], message)
  end
  redis.call('LTRIM', keys[1], #held, -1)
  if redis.call('LLEN', keys[1]) == 0 then
    redis.call('ZREM', keys[3], args[1])
  end
  return #held
end
