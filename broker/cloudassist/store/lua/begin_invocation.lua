-- Write down an invocation that is about to be planned, unless its ClientToken was seen before.
-- KEYS: token invocation payload
-- ARGV: invoke_id request_hash token_ms lifetime_ms payload_ms payload (field value)*
-- Returns: {} where it was written, else {invoke_id, request_hash} of the earlier call
local function begin_invocation(keys, args)
  local earlier = redis.call('GET', keys[1])
  if earlier then
    return { string.match(earlier, '^(%S+) (%S+)$') }
  end
  redis.call('SET', keys[1], args[1] .. ' ' .. args[2], 'PX', args[3])
  redis.call('HSET', keys[2], unpack(args, 7))
  redis.call('PEXPIRE', keys[2], args[4])
  redis.call('SET', keys[3], args[6], 'PX', args[5])
  return {}
end
