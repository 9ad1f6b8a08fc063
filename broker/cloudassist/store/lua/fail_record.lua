-- End a record whose instance has been silent past the deadline, unless it has ended meanwhile.
-- KEYS: record invocation targets due
-- ARGV: record_id error_code retention_ms
-- Returns: 1 where it was ended, else 0
local function fail_record(keys, args)
  local at = { record = keys[1], invocation = keys[2], targets = keys[3], due = keys[4] }
  at.run = read_run(at.invocation)
  local fields = { 'error_code', args[2], 'finish_time', now_ms() }
  local moved = move(at, read_record(at.record), args[1], Status.FAILED, fields, tonumber(args[3]))
  return moved and 1 or 0
end
