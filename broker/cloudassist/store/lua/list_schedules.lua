-- List recurring tasks whose moment has come, the most overdue first.
-- KEYS: schedules claimed
-- ARGV: most
-- Returns: {now, when the next moment comes or the empty text, (invoke_id, moment) …}
local function list_schedules(keys, args)
  local now = now_ms()
  local answer = redis.call('ZRANGE', keys[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[1], 'WITHSCORES')
  local first = ''
  for _, key in ipairs(keys) do
    local at = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    if at and (first == '' or tonumber(at) < tonumber(first)) then
      first = at
    end
  end
  return { now, first, unpack(answer) }
end
