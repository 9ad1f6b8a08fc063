-- Write down which registered instances give signs of life: what an instance sets itself goes away with it.
-- KEYS: (known presence)*
-- ARGV:
-- Returns: how many are online
local function note_heartbeats(keys, args)
  local online = 0
  for index = 1, #keys, 2 do
    if redis.call('EXISTS', keys[index + 1]) == 1 and redis.call('EXISTS', keys[index]) == 1 then
      redis.call('HSET', keys[index], 'last_heartbeat_time', now_ms())
      online = online + 1
    end
  end
  return online
end
