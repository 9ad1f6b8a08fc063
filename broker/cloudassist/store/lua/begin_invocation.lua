-- Write down an invocation that is about to be planned, with its command where that is new, unless its ClientToken was
-- seen before or a quota is used up. Where the plan of that earlier request was broken off, this one takes its place.
-- KEYS: token invocation payload calls command live commands sequence trail due schedules
-- ARGV: digest invoke_id command_id token_ms lifetime_ms payload_ms payload calls_most planning_ms commands_most kept
--       command act open_most records tasks_most (field value)*
-- records are those that will be planned at once; tasks_most is empty for a run that does not recur.
-- kept is 1 or 0 for a new command, whose fields are the JSON array command; empty for one that must exist.
-- Returns: {begun}, {earlier, digest, invoke_id, command_id}, or {refused, code, count}
local function begin_invocation(keys, args)
  local earlier = earlier_request(keys[1])
  local planning = earlier and earlier[2] == args[1] and planning_since(earlier[3])
  if planning and now_ms() - planning < Key.PLAN_MS then
    return { 'refused', Refusal.PLANNING, now_ms() - planning }
  elseif planning then
    redis.call('HSET', Key.INVOCATION .. earlier[3], 'broken_off', 1)
  elseif earlier then
    return earlier
  end
  local command, live = keys[5], keys[6]
  local calls = tonumber(redis.call('GET', keys[4]) or 0)
  if calls >= tonumber(args[8]) then
    return { 'refused', Refusal.CALL_QUOTA, calls }
  end
  local open = redis.call('ZCARD', keys[10])
  if open + tonumber(args[15]) > tonumber(args[14]) then
    return { 'refused', Refusal.OPEN_RECORDS, open }
  end
  local tasks = args[16] ~= '' and redis.call('ZCARD', keys[11])
  if tasks and tasks >= tonumber(args[16]) then
    return { 'refused', Refusal.TASK_QUOTA, tasks }
  end
  if args[11] ~= '' then
    local at = { command = command, commands = keys[7], sequence = keys[8] }
    local full = write_command(at, args[3], args[11] == '1', tonumber(args[10]), cjson.decode(args[12]))
    if full then
      return { 'refused', Refusal.COMMAND_QUOTA, full }
    end
  elseif redis.call('EXISTS', command) == 0 then
    return { 'refused', Refusal.NO_COMMAND, 0 }
  end
  redis.call('INCR', keys[4])
  redis.call('PEXPIRE', keys[4], Key.CALLS_MS)
  redis.call('HINCRBY', command, 'invoke_times', 1)
  keep_live(command, live, args[2], now_ms() + tonumber(args[9]))
  redis.call('SET', keys[1], table.concat({ args[1], args[2], args[3] }, ' '), 'PX', args[4])
  redis.call('HSET', keys[2], unpack(args, 17))
  redis.call('PEXPIRE', keys[2], args[5])
  redis.call('SET', keys[3], args[7], 'PX', args[6])
  audit(keys[9], args[13])
  return { 'begun' }
end
