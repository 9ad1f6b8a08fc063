-- Let an activation be of no use from now on; what was enrolled with it stays.
-- KEYS: activation trail
-- ARGV: act
-- Returns: {disabled}, or {refused, code, 0}
local function disable_activation(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    return { 'refused', Refusal.NO_ACTIVATION, 0 }
  end
  redis.call('HSET', keys[1], 'disabled', 1)
  audit(keys[2], args[1])
  return { 'disabled' }
end
