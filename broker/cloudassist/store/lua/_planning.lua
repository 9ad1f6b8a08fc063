-- Shared by the functions: planning one record.

-- An instance that is offline, or that has too many open records, gets a record that has failed already; so does one for
-- which a code is given. at: the keys by name. Returns the code, or the empty text where the order is to be sent. What is
-- counted is counted in plan, for count_planned to write down once.
local function plan_record(at, record_id, plan, code)
  if code == '' and redis.call('EXISTS', at.presence) == 0 then
    code = Code.CLIENT_NOT_RUNNING
  elseif code == '' and redis.call('SCARD', at.open) >= plan.open_limit then
    code = Code.TASK_CONCURRENCY_LIMIT
  end
  if code == '' then
    redis.call('HSET', at.record, 'status', Status.RUNNING, 'update_time', plan.now)
    redis.call('PEXPIRE', at.record, plan.lifetime_ms)
    redis.call('SADD', at.open, record_id)
    redis.call('ZADD', at.due, plan.now + plan.check_ms, record_id)
    redis.call('HSET', at.known, 'last_invoked_time', plan.now)
    plan.running = (plan.running or 0) + 1
  else
    redis.call(
      'HSET', at.record, 'status', Status.FAILED, 'error_code', code, 'finish_time', plan.now, 'update_time', plan.now
    )
    redis.call('PEXPIREAT', at.record, plan.ended_ms)
    plan.failed = (plan.failed or 0) + 1
  end
  return code
end

-- Write down how many records of an invocation were planned by these calls, and how.
local function count_planned(invocation, plan)
  if plan.running then
    redis.call('HINCRBY', invocation, 'n.pending', plan.running)
    redis.call('HINCRBY', invocation, 'n.' .. Status.RUNNING, plan.running)
  end
  if plan.failed then
    redis.call('HINCRBY', invocation, 'n.' .. Status.FAILED, plan.failed)
  end
end
