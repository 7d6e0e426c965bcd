-- CONN, LOG: removes a channel from a connection.
local conn, name = ARGV[4], ARGV[5]
local it = record(conn)
if not it then
  return { 'unknown' }
end
if it['r:' .. name] then
  part(conn, it, name)
  local id = feed('U', conn, 't', it.turn, 'c', name)
  run('HDEL', root .. 'n:' .. conn, 'j:' .. name)
  run('HSET', root .. 'n:' .. conn, 'x:' .. name, id)
  if it.here == '1' then
    count(name, it.user, '0')
  end
end
return { 'done' }
