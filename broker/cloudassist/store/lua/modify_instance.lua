-- Give an instance the name by which people know it; its id stays.
-- KEYS: known trail
-- ARGV: name act
-- Returns: {modified}, or {refused, code, 0}
local function modify_instance(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    return { 'refused', Refusal.NO_INSTANCE, 0 }
  end
  redis.call('HSET', keys[1], 'instance_name', args[1])
  audit(keys[2], args[2])
  return { 'modified' }
end
