-- Write down who an instance is. Where it was enrolled with an activation, key and machine must be those; else the first
-- ones that are seen for an id stay. The instance can read in the owner key whose it is. An id that was deregistered
-- comes back by being enrolled only.
-- KEYS: known instances owner identity epochs
-- ARGV: instance_id public_key machine_id (field value)*
-- Returns: 1 where it was written, 0 where the id belongs to another key or machine
local function register_instance(keys, args)
  local key, machine = unpack(redis.call('HMGET', keys[4], 'public_key', 'machine_id'))
  if not key then
    if redis.call('HGET', keys[5], args[1]) then
      return 0
    end
    key, machine = unpack(redis.call('HMGET', keys[1], 'public_key', 'machine_id'))
  end
  if key and key ~= args[2] then
    return 0
  end
  if not machine or machine == '' then
    machine = args[3]
  elseif args[3] ~= '' and args[3] ~= machine then
    return 0
  end
  redis.call('HSETNX', keys[1], 'epoch', 0)
  redis.call('HSETNX', keys[1], 'registration_time', now_ms())
  redis.call('HSET', keys[1], 'public_key', args[2], 'machine_id', machine, unpack(args, 4))
  redis.call('ZADD', keys[2], 0, args[1])
  redis.call('SET', keys[3], args[2] .. '/' .. machine)
  return 1
end
