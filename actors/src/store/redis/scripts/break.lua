-- CONN, TURN, CONTINUITY: begins another continuity, because the client has missed something.
local conn = ARGV[4]
local it = record(conn)
if not it then
  return { 'unknown' }
end
local refused = later(it, ARGV[5])
if refused then
  return refused
end
run('HSET', root .. 'n:' .. conn, 'cont', ARGV[6])
return { 'done' }
