-- CONN, TURN, (CHANNEL, POSITION)...: reports that the transport of a turn has ended, and up to
-- where its client has read.
local conn, turn = ARGV[4], ARGV[5]
local it = record(conn)
if not it then
  return { 'unknown' }
end
-- An earlier turn is of a connection with the same id that has ended.
if tonumber(turn) >= tonumber(it.born) then
  run('HDEL', root .. 'n:' .. conn, 'o:' .. turn)
  merge(conn, it, 6)
  feed('R', conn, 't', turn, unpack(ARGV, 6))
end
return { 'done' }
