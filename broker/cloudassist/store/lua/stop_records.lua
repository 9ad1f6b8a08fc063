-- Ask records of one invocation to stop. What nobody has claimed is Stopped at once and can never start.
-- KEYS: invocation targets due (record claim open)*
-- ARGV: retention_ms check_ms claim_ms (record_id)*
-- Returns: per record its status now, or false where there is no such record
local function stop_records(keys, args)
  local now = now_ms()
  local answer = {}
  for index = 1, #args - 3 do
    local at = {
      invocation = keys[1], targets = keys[2], due = keys[3],
      record = keys[3 * index + 1], claim = keys[3 * index + 2], open = keys[3 * index + 3],
    }
    local record_id = args[index + 3]
    if redis.call('HGET', at.record, 'status') == Status.RUNNING then
      if redis.call('SET', at.claim, Claim.STOPPED, 'NX', 'PX', args[3]) then
        move(at, record_id, Status.STOPPED, { 'stop_time', now, 'finish_time', now }, args[1])
      else
        move(at, record_id, Status.STOPPING, { 'stop_time', now, 'tries', 0 }, args[1])
        redis.call('ZADD', at.due, 'XX', now + tonumber(args[2]), record_id)
      end
    end
    answer[index] = redis.call('HGET', at.record, 'status')
  end
  return answer
end
