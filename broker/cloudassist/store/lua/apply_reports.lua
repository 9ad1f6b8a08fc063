-- Apply what instances said of records of one invocation. Repeated, overtaken and late reports change nothing.
-- Output that comes while a script runs is kept as far as it hangs together, the last of it; that which comes with the
-- end replaces it.
-- KEYS: invocation targets due
-- ARGV: retention_ms watch_ms most reports (output)*
-- reports is a JSON array of [record_id, sequence, status, start_time, position, exit_code, [field value …]], all
-- of it text; what is not known is the empty text.
-- FLAGS: allow-oom
-- Returns: per report applied, started (applied, and the first to tell of a start), duplicate, late, unknown, or failed
-- where it met an error; behind them since when (ms) the run's records were wanted, empty where it is gone
local Late = {
  exit_code = 'late_exit_code', error_code = 'late_error_code', error_info = 'late_error_info', dropped = 'dropped',
}

local function keep_chunk(at, state, data, position, most)
  local text = data
  if state.output_end == tostring(position) then
    text = (redis.call('GET', at.output) or '') .. data
  end
  text = string.sub(text, -most)
  local stop = position + #data
  redis.call('HSET', at.record, 'output_start', stop - #text, 'output_end', stop)
  redis.call('SET', at.output, text, 'PXAT', redis.call('PEXPIRETIME', at.record))
end

-- Keep the word of an instance whose record was ended without it: beside the status, which stays.
local function keep_late(at, report, data, retention_ms)
  local written = { 'sequence', report[2], 'late_status', report[3], 'late_time', at.now }
  for index = 1, #report[7], 2 do
    if Late[report[7][index]] then
      written[#written + 1] = Late[report[7][index]]
      written[#written + 1] = report[7][index + 1]
    end
  end
  redis.call('HSET', at.record, unpack(written))
  redis.call('HDEL', at.record, 'output_start', 'output_end')
  if data ~= '' then
    redis.call('SET', at.output, data, 'PXAT', redis.call('PEXPIRETIME', at.record))
    note_output(at, #data)
  end
end

local function apply_report(at, report, data, args)
  local record_id, sequence, status, start_time, position, exit_code, fields = unpack(report)
  local state = read_record(at.record)
  if not state.status then
    return 'unknown'
  end
  if state.sequence and tonumber(sequence) <= tonumber(state.sequence) then
    return 'duplicate'
  end
  if Terminal[state.status] then
    if not Terminal[status] or (status == state.status and status ~= Status.FAILED) then
      return 'duplicate'
    end
    keep_late(at, report, data, tonumber(args[1]))
    return 'late'
  end
  if start_time ~= '' then
    note_start(at, state, record_id, start_time)
  end
  local begun = state.new_start_time and { 'start_time', state.new_start_time } or {}
  if not Terminal[status] then
    redis.call('HSET', at.record, 'sequence', sequence, 'update_time', at.now, unpack(begun))
    redis.call('ZADD', at.due, 'XX', at.now + tonumber(args[2]), record_id)
    if data ~= '' then
      keep_chunk(at, state, data, tonumber(position), tonumber(args[3]))
    end
    return state.new_start_time and 'started' or 'applied'
  end
  local written = { 'sequence', sequence, unpack(fields) }
  for _, word in ipairs(begun) do
    written[#written + 1] = word
  end
  if move(at, state, record_id, status, written, tonumber(args[1]), exit_code) then
    if state.output_end then
      redis.call('HDEL', at.record, 'output_start', 'output_end')
    end
    if data ~= '' then
      redis.call('SET', at.output, data, 'PXAT', state.expires)
      note_output(at, #data)
    elseif state.output_end then
      redis.call('DEL', at.output)
    end
  end
  return state.new_start_time and 'started' or 'applied'
end

local function apply_reports(keys, args)
  local run, deltas, ended, outcomes, now = read_run(keys[1]), {}, {}, {}, now_ms()
  local answer = {}
  for index, report in ipairs(cjson.decode(args[4])) do
    local record_id = report[1]
    local at = {
      invocation = keys[1], targets = keys[2], due = keys[3], run = run, now = now, deltas = deltas, ended = ended,
      outcomes = outcomes, record = Key.RECORD .. record_id, output = Key.OUTPUT .. record_id,
    }
    local done, found = pcall(apply_report, at, report, args[index + 4], args)
    answer[index] = done and found or 'failed'
  end
  note_completed(keys[3], ended, outcomes)
  -- Where nothing has changed, nothing ends: a run that has ended does not do so again.
  if run and next(deltas) then
    settle_counts({ invocation = keys[1], targets = keys[2], deltas = deltas }, tonumber(args[1]))
  end
  answer[#answer + 1] = run and (run.due or run.creation_time) or ''
  return answer
end
