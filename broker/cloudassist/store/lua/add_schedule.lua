-- Write down one chunk of the instances of a recurring task. The last chunk makes the task valid, and stay.
-- KEYS: invocation targets fleet invocations schedules command live sequence
-- ARGV: invoke_id last lifetime_ms due forever_ms (instance_id)*
-- Returns: 1; 0: no such invocation
local function add_schedule(keys, args)
  local invocation, targets, fleet = keys[1], keys[2], keys[3]
  if not is_begun(invocation) then
    return 0
  end
  for index = 6, #args do
    redis.call('RPUSH', targets, args[index])
    new_member(fleet, args[index])
    count({ invocation = invocation }, nil, Status.RUNNING)
  end
  if args[2] == '1' then
    redis.call('HSET', invocation, 'planned', 1)
    for _, key in ipairs({ invocation, targets, fleet, Key.SEALED .. args[1] }) do
      redis.call('PERSIST', key)
    end
    redis.call('ZADD', keys[4], redis.call('INCR', keys[8]), args[1])
    redis.call('ZADD', keys[5], args[4], args[1])
    keep_live(keys[6], keys[7], args[1], args[5])
  else
    redis.call('PEXPIRE', targets, args[3])
    redis.call('PEXPIRE', fleet, args[3])
  end
  return 1
end
