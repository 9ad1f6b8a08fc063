-- The enrolment epochs of instances, and the time.
-- KEYS: (known)*
-- ARGV:
-- Returns: {now, epoch or false, …}
local function read_epochs(keys, args)
  local answer = { now_ms() }
  for index, known in ipairs(keys) do
    answer[index + 1] = redis.call('HGET', known, 'epoch')
  end
  return answer
end
