-- CONN, TURN, HEARD or '': makes a connection absent. With HEARD only if its application was not
-- heard from after this entry of the feed.
local conn, heard = ARGV[4], ARGV[6]
local it = record(conn)
if not it then
  return { 'unknown' }
end
local refused = later(it, ARGV[5])
if refused then
  return refused
end
if heard == '' or not (it.heard and is_behind(it.heard, heard)) then
  set_here(conn, it, '0')
end
return { 'done' }
