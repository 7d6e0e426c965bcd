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
set_here(conn, it, '0')
-- What its application has said before does not make it present again when the record is renewed.
run('HDEL', root .. 'n:' .. conn, 'heard')
return { 'done' }
