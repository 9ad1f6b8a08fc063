-- The enrolment epochs of instances and the schemas that their agents speak, and the time.
-- KEYS: (known)*
-- ARGV:
-- FLAGS: no-writes
-- Returns: {now, {epoch or false, schema or false}, …}
local function read_enrolments(keys, args)
  local answer = { now_ms() }
  for index, known in ipairs(keys) do
    answer[index + 1] = redis.call('HMGET', known, 'epoch', 'schema')
  end
  return answer
end
