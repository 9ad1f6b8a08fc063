-- Plan the records of one chunk of an invocation's instances. The last chunk makes the invocation valid.
-- An instance that is offline, unless it is awaited, that has too many open records, or whose agent could not read the
-- order, gets a record that has failed already.
-- KEYS: invocation targets invocations due command live sequence (record presence)*
-- ARGV: invoke_id last lifetime_ms retention_ms check_ms open_limit schema awaits (instance_id record_id)*
-- Returns: per instance the empty text where its order is to be sent, else the error code; false: no such invocation
local function plan_records(keys, args)
  local at = { invocation = keys[1], targets = keys[2] }
  local due, retention_ms = keys[4], tonumber(args[4])
  if not is_begun(at.invocation) then
    return false
  end
  local now = now_ms()
  local answer, names = {}, {}
  local plan = {
    now = now, given = {}, outcomes = {}, check_ms = tonumber(args[5]), open_limit = tonumber(args[6]),
    schema = tonumber(args[7]), awaits = args[8] == '1',
    ended_ms = tonumber(redis.call('HGET', at.invocation, 'ends_by')) + retention_ms,
  }
  for index = 1, (#keys - 7) / 2 do
    local record, presence = unpack(keys, 2 * index + 6, 2 * index + 7)
    answer[index] = plan_record({ record = record, presence = presence }, args[2 * index + 8], plan, '')
    names[index] = args[2 * index + 7]
  end
  redis.call('RPUSH', at.targets, unpack(names))
  settle_plan(at.invocation, due, plan)
  redis.call('PEXPIRE', at.targets, args[3])
  if args[2] == '1' then
    redis.call('HSET', at.invocation, 'planned', 1)
    redis.call('ZADD', keys[3], redis.call('INCR', keys[7]), args[1])
    keep_live(keys[5], keys[6], args[1], now + tonumber(args[3]))
    close_invocation(at, retention_ms)
  end
  return answer
end
