-- Take an aggregator that stops off the list. What it has taken and not applied is for whoever adopts it, at once.
-- KEYS: taken takers
-- ARGV: taker done silence_ms
-- FLAGS: allow-oom
-- Returns: how many messages it leaves
local function retire_reports(keys, args)
  if tonumber(args[2]) > 0 then
    redis.call('LTRIM', keys[1], 0, -tonumber(args[2]) - 1)
  end
  local left = redis.call('LLEN', keys[1])
  if left > 0 then
    redis.call('ZADD', keys[2], now_ms() - tonumber(args[3]), args[1])
  else
    redis.call('ZREM', keys[2], args[1])
  end
  return left
end
