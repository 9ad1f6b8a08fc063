-- The public key of an instance: that of its enrolment, which nobody else can write; where it was not enrolled with an
-- activation, the one that was registered first.
-- KEYS: identity known
-- ARGV:
-- FLAGS: no-writes
-- Returns: the key, or nil
local function read_public_key(keys, args)
  return redis.call('HGET', keys[1], 'public_key') or redis.call('HGET', keys[2], 'public_key')
end
