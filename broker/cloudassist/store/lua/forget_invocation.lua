-- Remove a finished invocation whose records are gone.
-- KEYS: invocation targets fleet sealed invocations finished bytes
-- ARGV: invoke_id
-- FLAGS: allow-oom
-- Returns: how many bytes were counted for it
local function forget_invocation(keys, args)
  local size = tonumber(redis.call('HGET', keys[1], 'size') or 0)
  redis.call('DECRBY', keys[7], size)
  redis.call('UNLINK', keys[1], keys[2], keys[3], keys[4])
  redis.call('ZREM', keys[5], args[1])
  redis.call('ZREM', keys[6], args[1])
  return size
end
