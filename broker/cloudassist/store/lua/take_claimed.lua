-- Name what was claimed a while ago, and is neither planned nor on its way to dispatch: it got lost.
-- KEYS: claimed dispatch
-- ARGV: hold_ms most
-- Returns: {occurrence …}
local function take_claimed(keys, args)
  local now = now_ms()
  local found = redis.call('ZRANGE', keys[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[2])
  for _, occurrence in ipairs(found) do
    redis.call('ZADD', keys[1], now + tonumber(args[1]), occurrence)
  end
  return redis.call('LLEN', keys[2]) > 0 and {} or found
end
