-- List recurring tasks whose moments have come or come soon, the first ones first.
-- KEYS: schedules claimed
-- ARGV: ahead_ms most
-- FLAGS: no-writes
-- Returns: {now, when something was claimed and may have to be handed over again or the empty text, 'invoke_id moment …'}
local function list_schedules(keys, args)
  local now = now_ms()
  local soon = now + tonumber(args[1])
  local found = redis.call('ZRANGE', keys[1], '-inf', soon, 'BYSCORE', 'LIMIT', 0, args[2], 'WITHSCORES')
  local claimed = redis.call('ZRANGE', keys[2], 0, 0, 'WITHSCORES')
  return { now, claimed[2] or '', table.concat(found, ' ') }
end
