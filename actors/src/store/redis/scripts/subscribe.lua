-- CONN, LOG: adds a channel to a connection.
local conn, name = ARGV[4], ARGV[5]
local it = record(conn)
if not it then
  return { 'unknown' }
end
if not it['r:' .. name] then
  local place = join(conn, it, name)
  if it.here == '1' then
    count(name, it.user, '1')
  end
  local id = feed('S', conn, 't', it.turn, name, place)
  run('HDEL', root .. 'n:' .. conn, 'x:' .. name)
  run('HSET', root .. 'n:' .. conn, 'j:' .. name, id)
end
return { 'done' }
