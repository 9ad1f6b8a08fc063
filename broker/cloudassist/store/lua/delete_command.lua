-- Remove a command, unless a run of it has not ended.
-- KEYS: command commands live trail
-- ARGV: command_id act
-- Returns: {deleted}, or {refused, code, number of live runs}
local function delete_command(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    return { 'refused', Refusal.NO_COMMAND, 0 }
  end
  redis.call('ZREMRANGEBYSCORE', keys[3], '-inf', now_ms())
  local live = redis.call('ZCARD', keys[3])
  if live > 0 then
    return { 'refused', Refusal.COMMAND_IN_USE, live }
  end
  audit(keys[4], args[2])
  redis.call('DEL', keys[1], keys[3])
  redis.call('ZREM', keys[2], args[1])
  return { 'deleted' }
end
