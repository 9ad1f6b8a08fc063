-- Shared by the functions: planning one record, and whether the plan of a run is complete.

-- Return when an invocation began (ms) of which not all is planned yet, or ever; nil of any other.
local function planning_since(invoke_id)
  local creation_time, planned = unpack(redis.call('HMGET', Key.INVOCATION .. invoke_id, 'creation_time', 'planned'))
  return not planned and tonumber(creation_time) or nil
end

-- Tell whether an invocation can be planned: it is there, and nobody has begun it anew.
local function is_begun(invocation)
  local creation_time, broken_off = unpack(redis.call('HMGET', invocation, 'creation_time', 'broken_off'))
  return creation_time and not broken_off
end

-- An instance that was let go meanwhile, that is offline, unless the plan awaits it, that has too many open records, or whose agent could not read
-- the order, gets a record that has failed already; so does one for which a code is given. at: the keys by name. Returns
-- the code, or the empty text where the order is to be sent. What is counted is collected in plan, for settle_plan to
-- write down once.
local function obstacle(at, instance, plan)
  local spoken, epoch = unpack(redis.call('HMGET', Key.INSTANCE .. instance, 'schema', 'epoch'))
  if not epoch then
    return Code.INSTANCE_DEREGISTERED
  end
  spoken = tonumber(spoken or 1)
  if spoken < plan.schema or spoken > Schema.CURRENT then
    local wanted = plan.schema == Schema.CURRENT and Schema.CURRENT or (plan.schema .. ' to ' .. Schema.CURRENT)
    return Code.CLIENT_NEED_UPGRADE, 'its agent speaks schema ' .. spoken .. '; this run needs ' .. wanted
  end
  if not plan.awaits and redis.call('EXISTS', at.presence) == 0 then
    return Code.CLIENT_NOT_RUNNING
  end
  if count_open(instance) >= plan.open_limit then
    return Code.TASK_CONCURRENCY_LIMIT
  end
  return ''
end

local function plan_record(at, record_id, plan, code)
  local info
  if code == '' then
    code, info = obstacle(at, instance_of(record_id), plan)
  end
  if code == '' then
    redis.call('HSET', at.record, 'status', Status.RUNNING, 'update_time', plan.now)
    redis.call('PEXPIREAT', at.record, plan.ended_ms)
    plan.given[#plan.given + 1] = record_id
  else
    redis.call(
      'HSET', at.record, 'status', Status.FAILED, 'error_code', code, 'finish_time', plan.now, 'update_time', plan.now
    )
    if info then
      redis.call('HSET', at.record, 'error_info', info)
    end
    redis.call('PEXPIREAT', at.record, plan.ended_ms)
    local outcome = outcome_of(Status.FAILED, code)
    plan.failed = (plan.failed or 0) + 1
    plan.outcomes[outcome] = (plan.outcomes[outcome] or 0) + 1
  end
  return code
end

-- Write down which records of an invocation were planned by these calls, and how; where it is new, with its fields: all in
-- one command.
local function settle_plan(invocation, due, plan, fields)
  note_given(due, plan.given, plan.now, plan.check_ms)
  local given, failed = #plan.given, plan.failed or 0
  local counts = { ['n.pending'] = given, ['n.' .. Status.RUNNING] = given, ['n.' .. Status.FAILED] = failed }
  for name, number in pairs(counts) do
    if number > 0 and fields then
      fields[name] = number
    elseif number > 0 then
      redis.call('HINCRBY', invocation, name, number)
    end
  end
  if failed > 0 then
    count_ends(plan.outcomes)
  end
  if fields then
    local words = {}
    for name, value in pairs(fields) do
      words[#words + 1], words[#words + 2] = name, value
    end
    redis.call('HSET', invocation, unpack(words))
  end
end
