-- List finished invocations that need not be kept any longer, the oldest first: too old, too many, or all together too
-- large.
-- KEYS: finished bytes
-- ARGV: retention_ms kept most most_bytes
-- FLAGS: no-writes
-- Returns: {invoke_id …}
local function list_retired(keys, args)
  local most = tonumber(args[3])
  local old = redis.call('ZRANGE', keys[1], '-inf', now_ms() - tonumber(args[1]), 'BYSCORE', 'LIMIT', 0, most)
  local too_many = math.min(redis.call('ZCARD', keys[1]) - tonumber(args[2]), most)
  local oldest = redis.call('ZRANGE', keys[1], 0, most - 1)
  local excess = tonumber(redis.call('GET', keys[2]) or 0) - tonumber(args[4])
  local count = math.max(#old, too_many)
  for index, invoke_id in ipairs(oldest) do
    if excess > 0 and index > count then
      count = index
    end
    excess = excess - tonumber(redis.call('HGET', Key.INVOCATION .. invoke_id, 'size') or 0)
  end
  return { unpack(oldest, 1, count) }
end
