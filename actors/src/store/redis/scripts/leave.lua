-- CONN, TURN: makes a connection absent.
local conn = ARGV[4]
local it = record(conn)
if not it then
  return { 'unknown' }
end
local refused = later(it, ARGV[5])
if refused then
  return refused
end
if it.here == '1' then
  -- What its application has said before does not make it present when the record is renewed.
  run('HSET', root .. 'n:' .. conn, 'gone', fed())
  run('HDEL', root .. 'n:' .. conn, 'heard')
  set_here(conn, it, '0')
end
return { 'done' }
