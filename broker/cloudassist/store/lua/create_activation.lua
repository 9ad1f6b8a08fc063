-- Write an activation down, unless its ClientToken was seen before or as many are kept as may be.
-- KEYS: token activation activations lapsing sequence trail
-- ARGV: digest activation_id token_ms most life_ms known_ms act (field value)*
-- Returns: {made}, {earlier, digest, activation_id}, or {refused, code, count}
local function create_activation(keys, args)
  local earlier = earlier_request(keys[1])
  if earlier then
    return earlier
  end
  local count = redis.call('ZCARD', keys[3])
  if count >= tonumber(args[4]) then
    return { 'refused', Refusal.ACTIVATION_QUOTA, count }
  end
  local now = now_ms()
  local expires = now + tonumber(args[5])
  redis.call('HSET', keys[2], 'creation_time', now, 'expires', expires, 'disabled', 0, unpack(args, 8))
  redis.call('ZADD', keys[3], redis.call('INCR', keys[5]), args[2])
  redis.call('ZADD', keys[4], expires + tonumber(args[6]), args[2])
  redis.call('SET', keys[1], args[1] .. ' ' .. args[2], 'PX', args[3])
  audit(keys[6], args[7])
  return { 'made' }
end
