-- Ask records of one invocation to stop. What nobody has claimed is Stopped at once and can never start.
-- KEYS: invocation targets due (record claim)*
-- ARGV: retention_ms check_ms claim_ms caller (record_id)*
-- Returns: per record its status now, or false where there is no such record
local function stop_records(keys, args)
  local now = now_ms()
  local run = read_run(keys[1])
  local answer = {}
  for index = 1, #args - 4 do
    local at = { invocation = keys[1], targets = keys[2], due = keys[3], run = run, record = keys[2 * index + 2] }
    local record_id = args[index + 4]
    local state = read_record(at.record)
    if state.status == Status.RUNNING then
      local fields = { 'stop_time', now, 'stopped_by', args[4] }
      if redis.call('SET', keys[2 * index + 3], Claim.STOPPED, 'NX', 'PX', args[3]) then
        move(at, state, record_id, Status.STOPPED, { 'finish_time', now, unpack(fields) }, tonumber(args[1]))
      else
        move(at, state, record_id, Status.STOPPING, { 'tries', 0, unpack(fields) }, tonumber(args[1]))
        redis.call('ZADD', at.due, 'XX', now + tonumber(args[2]), record_id)
      end
    end
    answer[index] = state.status
  end
  return answer
end
