-- CONN, CHANNEL: removes a channel from a connection.
local conn, channel = ARGV[4], ARGV[5]
local it = record(conn)
if not it then
  return { 'unknown' }
end
if it['r:' .. channel] then
  part(conn, it, channel)
  local id = feed('U', conn, 't', it.turn, 'c', channel)
  run('HDEL', root .. 'n:' .. conn, 'j:' .. channel)
  run('HSET', root .. 'n:' .. conn, 'x:' .. channel, id)
  if it.here == '1' then
    count(channel, it.user, '0')
  end
end
return { 'done' }
