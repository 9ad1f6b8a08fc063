-- Remove an activation, unless an instance that was enrolled with it is still registered.
-- KEYS: activation admitted activations lapsing trail
-- ARGV: activation_id act
-- Returns: {deleted}, or {refused, code, number of its instances}
local function delete_activation(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    return { 'refused', Refusal.NO_ACTIVATION, 0 }
  end
  local registered, deregistered = unpack(redis.call('HMGET', keys[1], 'registered', 'deregistered'))
  local left = (registered or 0) - (deregistered or 0)
  if left > 0 then
    return { 'refused', Refusal.ACTIVATION_IN_USE, left }
  end
  redis.call('DEL', keys[1], keys[2])
  redis.call('ZREM', keys[3], args[1])
  redis.call('ZREM', keys[4], args[1])
  audit(keys[5], args[2])
  return { 'deleted' }
end
