-- Shared by the functions: the clock.
-- Status, Terminal, Moves, Code, Known, Claim and Key are tables that the library writes from Python.

-- Milliseconds since the epoch, by the server's clock: the only clock that judges a deadline.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
