-- Apply what an instance said of one record. Repeated, overtaken and late reports change nothing.
-- Output that comes while a script runs is kept as far as it hangs together, the last of it; that which comes with the
-- end replaces it.
-- KEYS: record invocation targets output open due claim known
-- ARGV: record_id sequence status start_time retention_ms watch_ms output position most (field value)*
-- Returns: applied, duplicate, late or unknown
local function keep_chunk(record, output, data, position, most)
  local text = data
  if redis.call('HGET', record, 'output_end') == tostring(position) then
    text = (redis.call('GET', output) or '') .. data
  end
  text = string.sub(text, -most)
  local stop = position + #data
  redis.call('HSET', record, 'output_start', stop - #text, 'output_end', stop)
  redis.call('SET', output, text, 'PXAT', redis.call('PEXPIRETIME', record))
end

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
    note_start(at, record_id, args[4])
  elseif args[4] ~= '' then
    redis.call('HSETNX', at.record, 'start_time', args[4])
  end
  if not Terminal[status] then
    redis.call('HSET', at.record, 'sequence', sequence, 'update_time', now_ms())
    redis.call('ZADD', at.due, 'XX', now_ms() + tonumber(args[6]), record_id)
    if args[7] ~= '' then
      keep_chunk(at.record, keys[4], args[7], tonumber(args[8]), tonumber(args[9]))
    end
    return 'applied'
  end
  move(at, record_id, status, { 'sequence', sequence, unpack(args, 10) }, tonumber(args[5]))
  redis.call('HDEL', at.record, 'output_start', 'output_end')
  if args[7] == '' then
    redis.call('DEL', keys[4])
  else
    redis.call('SET', keys[4], args[7], 'PXAT', redis.call('PEXPIRETIME', at.record))
    note_output(at, #args[7])
  end
  return 'applied'
end
