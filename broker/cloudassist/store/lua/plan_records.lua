-- Plan the records of one chunk of an invocation's instances. The last chunk makes the invocation valid.
-- An instance that is offline, or that has too many open records, gets a record that has failed already.
-- KEYS: invocation targets invocations due (record open presence)*
-- ARGV: invoke_id last lifetime_ms retention_ms check_ms open_limit (instance_id record_id)*
-- Returns: per instance the empty text where its order is to be sent, else the error code; false: no such invocation
local function plan_records(keys, args)
  local invocation, targets, due = keys[1], keys[2], keys[4]
  local created = redis.call('HGET', invocation, 'creation_time')
  if not created then
    return false
  end
  local now = now_ms()
  local answer = {}
  for index = 1, (#keys - 4) / 3 do
    local record, open, presence = keys[3 * index + 2], keys[3 * index + 3], keys[3 * index + 4]
    local record_id = args[2 * index + 6]
    local code = ''
    if redis.call('EXISTS', presence) == 0 then
      code = Code.CLIENT_NOT_RUNNING
    elseif redis.call('SCARD', open) >= tonumber(args[6]) then
      code = Code.TASK_CONCURRENCY_LIMIT
    end
    if code == '' then
      redis.call('HSET', record, 'status', Status.RUNNING)
      redis.call('PEXPIRE', record, args[3])
      redis.call('SADD', open, record_id)
      redis.call('ZADD', due, now + tonumber(args[5]), record_id)
      count(invocation, nil, Status.RUNNING)
    else
      redis.call('HSET', record, 'status', Status.FAILED, 'error_code', code, 'finish_time', now)
      redis.call('PEXPIRE', record, args[4])
      count(invocation, nil, Status.FAILED)
    end
    redis.call('RPUSH', targets, args[2 * index + 5])
    answer[index] = code
  end
  redis.call('PEXPIRE', targets, args[3])
  if args[2] == '1' then
    redis.call('HSET', invocation, 'planned', 1)
    redis.call('ZADD', keys[3], created, args[1])
    close_invocation(invocation, targets, args[4])
  end
  return answer
end
