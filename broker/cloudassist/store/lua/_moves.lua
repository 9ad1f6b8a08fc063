-- Shared by the functions: the one way in which a record changes its status, and what hangs on it.

-- Return what the functions need to know of a record.
local function read_record(record)
  local status, start_time, sequence, output_end =
    unpack(redis.call('HMGET', record, 'status', 'start_time', 'sequence', 'output_end'))
  return { status = status, start_time = start_time, sequence = sequence, output_end = output_end }
end

-- Note that a record has started: it does not wait any more. Whoever calls this writes new_start_time down.
local function note_start(at, state, record_id, start_time)
  if not state.start_time then
    state.start_time = start_time
    state.new_start_time = start_time
    if state.status == Status.RUNNING then
      add(at, 'n.pending', -1)
      note_repeat(at, record_id)
    end
  end
end

-- Return the error code that a record ends with; a script's own exit code stands for one.
local function code_of(to, fields, exit_code)
  if to == Status.FINISHED and exit_code ~= '0' then
    return Code.EXIT_CODE_NONZERO
  end
  for index = 1, #fields, 2 do
    if fields[index] == 'error_code' then
      return fields[index + 1]
    end
  end
  return ''
end

-- Move a record, if the move is legal, and write its new fields. at: the keys of the record by name; state: what is known
-- of it; exit_code is that of a script that has finished. Returns whether it moved.
local function move(at, state, record_id, to, fields, retention_ms, exit_code)
  local from, run, now = state.status, at.run, at.now or now_ms()
  if not from or not Moves[from][to] or not run then
    return false
  end
  redis.call('HSET', at.record, 'status', to, 'update_time', now, unpack(fields))
  count(at, from, to)
  if from == Status.RUNNING and not state.start_time then
    add(at, 'n.pending', -1)
  end
  if to == Status.FINISHED and exit_code ~= '0' then
    add(at, 'n.nonzero', 1)
  end
  if to == Status.STOPPING or from == Status.STOPPING then
    note_stopping(record_id, to == Status.STOPPING and now)
  end
  state.status = to
  if Terminal[to] then
    local outcome = outcome_of(to, code_of(to, fields, exit_code))
    if at.ended then
      at.ended[#at.ended + 1] = record_id
      at.outcomes[outcome] = (at.outcomes[outcome] or 0) + 1
    else
      note_completed(at.due, { record_id }, { [outcome] = 1 })
    end
    -- It was planned to stay as long as its invocation, which may end later and is kept from then on.
    state.expires = math.max(run.ends_by, now) + retention_ms
    if now > run.ends_by then
      redis.call('PEXPIREAT', at.record, state.expires)
    end
    local needed = math.max(run.start_by, now) + Claim.MARGIN_MS
    if run.ends_by > needed + Claim.MARGIN_MS then
      redis.call('PEXPIREAT', Key.CLAIM .. instance_of(record_id) .. ':' .. record_id, needed)
    end
    if not at.deltas then
      close_invocation(at, retention_ms)
    end
    leave_fleet(at, record_id, to, retention_ms)
  end
  return true
end
