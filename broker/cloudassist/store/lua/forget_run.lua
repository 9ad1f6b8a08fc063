-- Remove a run of a recurring task whose records are gone.
-- KEYS: occurrence history bytes
-- ARGV: moment
-- FLAGS: allow-oom
-- Returns: how many bytes of output it had
local function forget_run(keys, args)
  local bytes = tonumber(redis.call('HGET', keys[1], 'bytes') or 0)
  redis.call('DECRBY', keys[3], bytes)
  redis.call('UNLINK', keys[1])
  redis.call('ZREM', keys[2], args[1])
  return bytes
end
