-- Plan the records of one run of a recurring task, a chunk of its instances at a time; once, however often it is asked,
-- and only of a moment that was claimed.
-- An instance that was stopped is left out; so is one whose last record has not ended, unless overlap allows that.
-- The last chunk makes the run valid. Of the runs before it, as many are kept as may be. A moment that is over for longer
-- than it may be late is missed; that of a whole expression fails instead.
-- KEYS: occurrence schedule fleet history retired claimed due payload (record presence)*
-- ARGV: occurrence_id schedule_id moment last lifetime_ms retention_ms check_ms open_limit overlap most fields
--       content order_ms (instance_id record_id)*
-- fields is a JSON object of what is written of the run.
-- Returns: per instance the empty text where its order is to be sent, else the error code, 'skipped', or 'gone'
local function plan_occurrence(keys, args)
  local occurrence, schedule, fleet = keys[1], keys[2], keys[3]
  local moment, now, retention_ms = tonumber(args[3]), now_ms(), tonumber(args[6])
  local planned, lost, expired, grace, last_due, spoken =
    unpack(redis.call('HMGET', schedule, 'planned', 'lost', 'expired_code', 'grace_ms', 'last_due', 'schema'))
  local answer = {}
  local fresh = redis.call('EXISTS', occurrence) == 0
  local claimed = planned and redis.call('ZSCORE', keys[6], args[1])
  local late = claimed and fresh and now - moment > tonumber(grace)
  lost = lost or (late and last_due == args[3])
  if late and not lost then
    redis.call('HINCRBY', schedule, 'missed', 1)
  end
  if not claimed or (late and not lost) then
    redis.call('ZREM', keys[6], args[1])
    for index = 1, (#keys - 8) / 2 do
      answer[index] = 'gone'
    end
    return answer
  end
  local run = fresh and cjson.decode(args[11]) or {}
  local plan = {
    now = now, given = {}, outcomes = {}, check_ms = tonumber(args[7]), open_limit = tonumber(args[8]),
    schema = tonumber(spoken or 1),
    ended_ms = tonumber(run.ends_by or redis.call('HGET', occurrence, 'ends_by')) + retention_ms,
  }
  for index = 1, (#keys - 8) / 2 do
    local record, presence = unpack(keys, 2 * index + 7, 2 * index + 8)
    local instance, record_id = args[2 * index + 12], args[2 * index + 13]
    local member = read_member(fleet, instance)
    if not member or member.status ~= Status.RUNNING or member.seen >= moment then
      answer[index] = 'gone'
    elseif args[9] == 'skip' and member.open > 0 then
      member.seen, member.skipped = moment, member.skipped + 1
      redis.call('HINCRBY', schedule, 'skipped', 1)
      write_member(fleet, instance, member)
      answer[index] = 'skipped'
    else
      local code = plan_record({ record = record, presence = presence }, record_id, plan, lost and expired or '')
      member.seen, member.last = moment, moment
      member.outcome = code == '' and '' or Status.FAILED
      if code == '' then
        member.open = member.open + 1
        redis.call('HINCRBY', schedule, 'n.open', 1)
      end
      settle_member(args[2], instance, member, retention_ms)
      answer[index] = code
    end
  end
  local is_last = args[4] == '1'
  if fresh then
    run.schedule, run.due, run.planned = args[2], args[3], is_last and 1 or nil
    settle_plan(occurrence, keys[7], plan, run)
    redis.call('PEXPIRE', occurrence, args[5])
    redis.call('SET', keys[8], args[12], 'PX', args[13])
  else
    settle_plan(occurrence, keys[7], plan)
  end
  if is_last then
    redis.call('ZREM', keys[6], args[1])
    if fresh or redis.call('HSETNX', occurrence, 'planned', 1) == 1 then
      local planned_some = #plan.given > 0 or plan.failed
      if not planned_some then
        local counts = redis.call('HMGET', occurrence, 'n.' .. Status.RUNNING, 'n.' .. Status.FAILED)
        planned_some = counts[1] or counts[2]
      end
      if planned_some then
        redis.call('HINCRBY', schedule, 'runs', 1)
        redis.call('ZADD', keys[4], moment, args[3])
        local ttl = redis.call('PTTL', schedule)
        if ttl > 0 then
          redis.call('PEXPIRE', keys[4], ttl)
        end
      else
        redis.call('DEL', occurrence)
      end
    end
    if #plan.given == 0 then
      close_invocation({ invocation = occurrence }, retention_ms)
    end
    retire(keys[4], keys[5], args[2], redis.call('ZCARD', keys[4]) - tonumber(args[10]))
  end
  return answer
end
