-- End a record that nobody has claimed: whoever comes later finds the claim taken and cannot start it.
-- KEYS: record invocation targets due claim
-- ARGV: record_id error_code retention_ms claim_ms
-- Returns: 1 where it was ended, 0 where somebody has claimed it or it had ended
local function expire_record(keys, args)
  local at = { record = keys[1], invocation = keys[2], targets = keys[3], due = keys[4] }
  local holder = redis.call('SET', keys[5], Claim.EXPIRED, 'NX', 'GET', 'PX', args[4])
  if holder and holder ~= Claim.EXPIRED then
    return 0
  end
  at.run = read_run(at.invocation)
  local fields = { 'error_code', args[2], 'finish_time', now_ms() }
  local moved = move(at, read_record(at.record), args[1], Status.FAILED, fields, tonumber(args[3]))
  return moved and 1 or 0
end
