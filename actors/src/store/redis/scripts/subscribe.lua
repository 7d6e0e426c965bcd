-- CONN, CHANNEL: adds a channel to a connection.
local conn, channel = ARGV[4], ARGV[5]
local it = record(conn)
if not it then
  return { 'unknown' }
end
if not it['r:' .. channel] then
  local place = join(conn, it, channel)
  if it.here == '1' then
    count(channel, it.user, '1')
  end
  local id = feed('S', conn, 't', it.turn, channel, place)
  run('HDEL', root .. 'n:' .. conn, 'x:' .. channel)
  run('HSET', root .. 'n:' .. conn, 'j:' .. channel, id)
end
return { 'done' }
