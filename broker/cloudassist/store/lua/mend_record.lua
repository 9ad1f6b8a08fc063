-- See that a record is among the open ones and those that the sweeper looks at exactly as long as it has not ended; and
-- among those that are to stop, as long as it is one.
-- KEYS: record due
-- ARGV: record_id mend
-- Returns: status (empty: no such record), 1 where it is among the open ones, 1 where the sweeper looks at it; as it was
local function mend_record(keys, args)
  local status = redis.call('HGET', keys[1], 'status') or ''
  local entry = open_entry(args[1])
  local open, looked_at = redis.call('ZSCORE', Key.OPEN, entry), redis.call('ZSCORE', keys[2], args[1])
  if args[2] == '1' and status ~= '' and not Terminal[status] then
    redis.call('ZADD', Key.OPEN, 0, entry)
    redis.call('ZADD', keys[2], 'NX', now_ms(), args[1])
  elseif args[2] == '1' then
    redis.call('ZREM', Key.OPEN, entry)
    redis.call('ZREM', keys[2], args[1])
  end
  if args[2] == '1' then
    note_stopping(args[1], status == Status.STOPPING and now_ms())
  end
  return { status, open and 1 or 0, looked_at and 1 or 0 }
end
