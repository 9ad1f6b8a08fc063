-- Take over what a dead aggregator had taken, where nothing else is in hand.
-- KEYS: taken_of_the_dead taken takers
-- ARGV: dead silence_ms
-- FLAGS: allow-oom
-- Returns: how many messages were taken over; -1 where that aggregator lives
local function adopt_reports(keys, args)
  local seen = redis.call('ZSCORE', keys[3], args[1])
  if seen and tonumber(seen) > now_ms() - tonumber(args[2]) then
    return -1
  end
  local count = redis.call('LLEN', keys[1])
  if count > 0 then
    if redis.call('EXISTS', keys[2]) == 1 then
      return 0
    end
    redis.call('RENAME', keys[1], keys[2])
  end
  redis.call('ZREM', keys[3], args[1])
  return count
end
