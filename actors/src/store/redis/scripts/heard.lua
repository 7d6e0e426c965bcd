-- CONN: says that a client was heard from through its application. Its connection is present from
-- then on.
local conn = ARGV[4]
local it = record(conn)
if not it then
  return { 'unknown' }
end
set_here(conn, it, '1')
run('HSET', root .. 'n:' .. conn, 'heard', feed('H', conn, 't', it.turn))
return { 'done' }
