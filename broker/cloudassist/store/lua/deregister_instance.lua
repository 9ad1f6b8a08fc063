-- Let an instance be known no more: nothing is ordered of it, and nothing believed that it says. Its id can come back by
-- being enrolled only, and what was ordered before is void then.
-- KEYS: known identity owner presence orders stops instances epochs revocations invoked completed trail
-- ARGV: instance_id act
-- Returns: {deregistered}, or {refused, code, 0}
local function deregister_instance(keys, args)
  if redis.call('EXISTS', keys[1], keys[2]) == 0 then
    return { 'refused', Refusal.NO_INSTANCE, 0 }
  end
  local activation, public_key = unpack(redis.call('HMGET', keys[2], 'activation_id', 'public_key'))
  if activation and redis.call('EXISTS', Key.ACTIVATION .. activation) == 1 then
    redis.call('HINCRBY', Key.ACTIVATION .. activation, 'deregistered', 1)
    redis.call('HDEL', Key.ADMITTED .. activation, public_key)
  end
  redis.call('HSET', keys[8], args[1], (redis.call('HGET', keys[1], 'epoch') or 0) + 1)
  redis.call('INCR', keys[9])
  redis.call('DEL', unpack(keys, 1, 3))
  redis.call('DEL', unpack(keys, 4, 6))
  redis.call('ZREM', keys[7], args[1])
  redis.call('HDEL', keys[10], args[1])
  redis.call('HDEL', keys[11], args[1])
  audit(keys[12], args[2])
  return { 'deregistered' }
end
