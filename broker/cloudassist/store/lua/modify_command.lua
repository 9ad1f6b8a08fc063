-- Change fields of a command that exists.
-- KEYS: command trail
-- ARGV: act (field value)*
-- Returns: 1 where it was changed, 0 where there is no such command
local function modify_command(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    return 0
  end
  redis.call('HSET', keys[1], unpack(args, 2))
  audit(keys[2], args[1])
  return 1
end
