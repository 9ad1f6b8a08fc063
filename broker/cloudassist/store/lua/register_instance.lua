-- Write down who an instance is. The first public key seen for an id stays until the id is enrolled anew.
-- KEYS: known instances
-- ARGV: instance_id public_key (field value)*
-- Returns: 1 where it was written, 0 where the id belongs to another key
local function register_instance(keys, args)
  local pinned = redis.call('HGET', keys[1], 'public_key')
  if pinned and pinned ~= args[2] then
    return 0
  end
  redis.call('HSETNX', keys[1], 'epoch', 0)
  redis.call('HSETNX', keys[1], 'registration_time', now_ms())
  redis.call('HSET', keys[1], 'public_key', args[2], unpack(args, 3))
  redis.call('ZADD', keys[2], 0, args[1])
  return 1
end
