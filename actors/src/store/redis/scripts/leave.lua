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
return { 'done' }
