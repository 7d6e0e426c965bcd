-- SESSION, INTERVAL, TIMEOUT, CONN or '', CONTENT or '', PACKET...: keeps what a session is, and
-- lets packets wait for its client. With a CONN its client has connected to a namespace, which it
-- can do once. Without a CONTENT the session is over.
local connects, ends = ARGV[7] ~= '', ARGV[8] == ''
if over or connects and content or not connects and not ends and not content then
  return refuse()
end
if ends then
  close()
else
  content = ARGV[8]
  run('HSET', key, 's', content)
  if connects then
    conn = ARGV[7]
    local latest = run('HGET', root .. 'n:' .. conn, 'turn') or '0'
    run('HSET', key, 'conn', conn, 'turn', term .. ' ' .. latest, 'ping', text(now() + interval))
  end
  stay()
end
if ends and #ARGV < 9 then
  feed('P', ARGV[4])
else
  push(9)
end
return { 'done' }
