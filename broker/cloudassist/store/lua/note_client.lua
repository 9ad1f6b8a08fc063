-- Write down what the daemon of an instance says of its agent.
-- KEYS: known
-- ARGV: (field value)*
-- Returns: 1 where it was written, 0 where the instance is not registered
local function note_client(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    return 0
  end
  redis.call('HSET', keys[1], 'daemon_time', now_ms(), unpack(args))
  return 1
end
