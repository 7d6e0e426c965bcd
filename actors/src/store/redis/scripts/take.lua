-- CONN: takes the next turn of a connection, which is present from then on.
local conn = ARGV[4]
local it = record(conn)
if not it then
  return { 'unknown' }
end
local key, turn = root .. 'n:' .. conn, text(run('INCR', root .. 'turns'))
for field, open_at in pairs(it) do
  local kind = string.sub(field, 1, 2)
  local is_dead = kind == 'o:' and run('SISMEMBER', root .. 'gone', open_at) == 1
  if kind == 'x:' or kind == 'j:' or is_dead then
    run('HDEL', key, field)
  end
end
run('HSET', key, 'turn', turn, 'o:' .. turn, node)
move(conn, it, node)
local taken = feed('T', conn, 't', turn, 'n', node)
local ends = {}
for _, channel in ipairs(channels_of(it)) do
  local _, offset = touch(channel)
  ends[#ends + 1] = channel
  ends[#ends + 1] = offset
end
set_here(conn, it, '1')
return { 'taken', run('HGETALL', key), ends, taken }
