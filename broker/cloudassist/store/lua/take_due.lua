-- Take the records that a sweeper should look at, and keep other sweepers from them for a while.
-- KEYS: due
-- ARGV: most hold_ms
-- Returns: {now, record_id, …}
local function take_due(keys, args)
  local now = now_ms()
  local answer = redis.call('ZRANGE', keys[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[1])
  for _, record_id in ipairs(answer) do
    redis.call('ZADD', keys[1], now + tonumber(args[2]), record_id)
  end
  table.insert(answer, 1, now)
  return answer
end
