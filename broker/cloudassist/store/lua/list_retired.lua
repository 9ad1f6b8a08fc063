-- List finished invocations that need not be kept any longer, the oldest first.
-- KEYS: finished
-- ARGV: retention_ms kept most
-- Returns: {invoke_id …}
local function list_retired(keys, args)
  local most = tonumber(args[3])
  local old = redis.call('ZRANGE', keys[1], '-inf', now_ms() - tonumber(args[1]), 'BYSCORE', 'LIMIT', 0, most)
  local too_many = redis.call('ZCARD', keys[1]) - tonumber(args[2])
  if too_many > #old then
    return redis.call('ZRANGE', keys[1], 0, math.min(too_many, most) - 1)
  end
  return old
end
