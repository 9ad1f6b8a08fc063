-- Apply what an instance said of one record. Repeated, overtaken and late reports change nothing.
-- KEYS: record invocation targets output open due claim known
-- ARGV: record_id sequence status start_time retention_ms watch_ms output (field value)*
-- Returns: applied, duplicate, late or unknown
local function apply_report(keys, args)
  local at = {
    record = keys[1], invocation = keys[2], targets = keys[3], open = keys[5], due = keys[6], claim = keys[7],
    known = keys[8],
  }
  local state = redis.call('HMGET', at.record, 'status', 'sequence', 'late_status')
  local record_id, sequence, status = args[1], tonumber(args[2]), args[3]
  if not state[1] then
    return 'unknown'
  end
  if state[2] and sequence <= tonumber(state[2]) then
    return 'duplicate'
  end
  if Terminal[state[1]] then
    if not Terminal[status] or status == state[1] or state[3] then
      return 'duplicate'
    end
    redis.call('HSET', at.record, 'late_status', status, 'late_time', now_ms())
    return 'late'
  end
  if args[4] ~= '' and state[1] == Status.RUNNING then
    note_start(at, args[4])
  elseif args[4] ~= '' then
    redis.call('HSETNX', at.record, 'start_time', args[4])
  end
  if not Terminal[status] then
    redis.call('HSET', at.record, 'sequence', sequence, 'update_time', now_ms())
    redis.call('ZADD', at.due, 'XX', now_ms() + tonumber(args[6]), record_id)
    return 'applied'
  end
  move(at, record_id, status, { 'sequence', sequence, unpack(args, 8) }, tonumber(args[5]))
  if args[7] ~= '' then
    redis.call('SET', keys[4], args[7])
    redis.call('PEXPIREAT', keys[4], redis.call('PEXPIRETIME', at.record))
  end
  return 'applied'
end
