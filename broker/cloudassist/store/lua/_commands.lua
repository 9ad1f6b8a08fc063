-- Shared by the functions: commands, and the requests that were made before.

-- Return {'earlier', digest, result …} where this ClientToken was used before, else nil.
local function earlier_request(token)
  local seen = redis.call('GET', token)
  if not seen then
    return nil
  end
  local answer = { 'earlier' }
  for word in string.gmatch(seen, '%S+') do
    answer[#answer + 1] = word
  end
  return answer
end

-- Write a command down, unless as many are kept as may be. fields: a list of fields and values.
-- Returns nil, or the number of kept commands where there is no room.
local function write_command(at, command_id, kept, most, fields)
  if kept then
    local count = redis.call('ZCARD', at.commands)
    if count >= most then
      return count
    end
    redis.call('ZADD', at.commands, redis.call('INCR', at.sequence), command_id)
  end
  redis.call('HSET', at.command, 'creation_time', now_ms(), 'kept', kept and 1 or 0, 'invoke_times', 0, unpack(fields))
  return nil
end

-- Count a run of a command as live until then at the latest; a command that is not kept lives no longer than its runs.
local function keep_live(command, live, invoke_id, until_ms)
  redis.call('ZADD', live, 'GT', until_ms, invoke_id)
  local last = tonumber(redis.call('ZRANGE', live, -1, -1, 'WITHSCORES')[2])
  redis.call('PEXPIREAT', live, last)
  if redis.call('HGET', command, 'kept') == '0' then
    redis.call('PEXPIREAT', command, last)
  end
end

-- Count a run of a command as ended. Nothing is left of a command that is not kept when its last run has ended.
local function release_command(command_id, invoke_id)
  local command, live = Key.COMMAND .. command_id, Key.LIVE .. command_id
  redis.call('ZREM', live, invoke_id)
  if redis.call('HGET', command, 'kept') == '0' and redis.call('ZCARD', live) == 0 then
    redis.call('DEL', command)
  end
end
