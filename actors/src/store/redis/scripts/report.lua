-- CONN, TURN, ENDED ('1' or '0'), (LOG, POSITION)...: reports up to where the client of a transport
-- has read. If the transport has ended, the nodes are told.
local conn, turn = ARGV[4], ARGV[5]
local it = record(conn)
if not it then
  return { 'unknown' }
end
-- An earlier turn is of a connection with the same id that has ended.
if tonumber(turn) >= tonumber(it.born) then
  merge(conn, it, 7)
  if ARGV[6] == '1' then
    run('HDEL', root .. 'n:' .. conn, 'o:' .. turn)
    feed('R', conn, 't', turn, unpack(ARGV, 7))
  end
end
return { 'done' }
