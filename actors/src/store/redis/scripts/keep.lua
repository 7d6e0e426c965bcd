-- SESSION, INTERVAL, TIMEOUT, CONN or '', CONTENT or '', PACKET...: keeps what a session is, and
-- lets packets wait for its client. With a CONN its client has connected to a namespace, which it
-- can do once. Without a CONTENT the session is over.
local connects, ends = ARGV[8] ~= '', ARGV[9] == ''
if over or connects and content or not connects and not ends and not content then
  return refuse()
end
if ends then
  close()
else
  content = ARGV[9]
  run('HSET', key, 's', content)
  if connects then
    conn = ARGV[8]
    local latest = run('HGET', root .. 'n:' .. conn, 'turn') or '0'
    run('HSET', key, 'conn', conn, 'turn', term .. ' ' .. latest, 'ping', text(now() + interval))
  end
  stay()
end
if ends and #ARGV < 10 then
  feed('P', ARGV[5])
else
  push(10)
end
return { 'done' }
