-- Stop a recurring task on instances: from now on none of its moments starts anything there.
-- KEYS: invocation fleet schedules
-- ARGV: invoke_id retention_ms all (instance_id)*
-- Returns: per instance its status now, or false where the task is not on it
local function stop_schedule(keys, args)
  if args[3] == '1' then
    redis.call('ZREM', keys[3], args[1])
  end
  local answer = {}
  for index = 4, #args do
    local instance = args[index]
    local member = read_member(keys[2], instance)
    if member and member.status == Status.RUNNING then
      count({ invocation = keys[1] }, Status.RUNNING, Status.STOPPING)
      member.status = Status.STOPPING
      settle_member(args[1], instance, member, tonumber(args[2]))
    end
    answer[index - 3] = member and member.status or false
  end
  if tonumber(redis.call('HGET', keys[1], 'n.' .. Status.RUNNING) or 0) == 0 then
    redis.call('ZREM', keys[3], args[1])
  end
  return answer
end
