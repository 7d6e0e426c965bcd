-- SESSION, INTERVAL, TIMEOUT, PONG ('1' if the client has answered the last ping), PACKET...: lets
-- packets wait for the client of a session. Returns what the session is, and its state.
if ARGV[7] == '1' and pong then
  run('HDEL', key, 'pong')
  run('HSET', key, 'ping', text(now() + interval))
end
stay()
if not over then
  push(8)
end
return { 'held', content, {}, state(), text(interval) }
