-- Write a command down, unless its ClientToken was seen before or as many commands are kept as may be.
-- KEYS: token command commands sequence trail
-- ARGV: digest command_id token_ms most act (field value)*
-- Returns: {made}, {earlier, digest, command_id}, or {refused, code, count}
local function create_command(keys, args)
  local earlier = earlier_request(keys[1])
  if earlier then
    return earlier
  end
  local at = { command = keys[2], commands = keys[3], sequence = keys[4] }
  local full = write_command(at, args[2], true, tonumber(args[4]), { unpack(args, 6) })
  if full then
    return { 'refused', Refusal.COMMAND_QUOTA, full }
  end
  redis.call('SET', keys[1], args[1] .. ' ' .. args[2], 'PX', args[3])
  audit(keys[5], args[5])
  return { 'made' }
end
