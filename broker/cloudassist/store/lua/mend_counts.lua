-- Put right counters of an invocation that a recount has found wrong, unless they have changed since.
-- KEYS: invocation targets
-- ARGV: retention_ms (name seen right)*
-- Returns: 1 where they were put right, else 0
local function mend_counts(keys, args)
  for index = 2, #args, 3 do
    if (redis.call('HGET', keys[1], args[index]) or '0') ~= args[index + 1] then
      return 0
    end
  end
  for index = 2, #args, 3 do
    redis.call('HSET', keys[1], args[index], args[index + 2])
  end
  if not redis.call('HGET', keys[1], 'finish_time') then
    close_invocation({ invocation = keys[1], targets = keys[2] }, tonumber(args[1]))
  end
  return 1
end
