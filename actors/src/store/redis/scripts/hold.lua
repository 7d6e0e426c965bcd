-- SESSION, INTERVAL, TIMEOUT: takes the packets that wait for the client of a session. Returns what
-- the session is, the packets, the state of the session, and the time after which it must be held
-- again. The state is 'ping' if the client must be sent a ping now.
local packets = run('LRANGE', waiting, 0, -1)
if #packets > 0 then
  run('DEL', waiting)
end
local found, wait = state(), interval
if content then
  local at = now()
  if pong and at >= tonumber(pong) then
    close()
    found = 'over'
  elseif pong then
    wait = tonumber(pong) - at
  elseif found == 'open' and at >= tonumber(ping) then
    run('HSET', key, 'pong', text(at + timeout))
    found, wait = 'ping', timeout
  else
    wait = math.max(tonumber(ping) - at, 0)
  end
  stay()
end
return { 'held', content, packets, found, text(wait) }
