-- CONN, POLLS ('1' or '0'), CONTINUITY or '', SESSION or '': takes the next turn of a connection,
-- which is present from then on. If the CONTINUITY is not that of the record, another one begins.
-- The turn is refused if another transport than those of the SESSION has had the latest one.
local conn, session = ARGV[4], ARGV[7] ~= '' and root .. 'p:' .. ARGV[7]
local it = record(conn)
if not it then
  return { 'unknown' }
end
if session then
  local last = run('HGET', session, 'turn') or ''
  local is_present = string.match(last, '^%d*') == term
  if last == '' or (is_present and last ~= term .. ' ' .. it.turn) then
    return { 'later', it.turn }
  end
end
local key, turn = root .. 'n:' .. conn, text(run('INCR', root .. 'turns'))
for field, open_at in pairs(it) do
  local kind = string.sub(field, 1, 2)
  local is_dead = kind == 'o:' and run('HGET', root .. 'seen', open_at) == 'gone'
  if kind == 'x:' or kind == 'j:' or field == 'heard' or is_dead then
    run('HDEL', key, field)
  end
end
local continuity = ARGV[6] == it.cont and it.cont or turn
run('HSET', key, 'turn', turn, 'cont', continuity, 'o:' .. turn, node)
if session then
  run('HSET', session, 'turn', term .. ' ' .. turn)
end
move(conn, it, node)
local taken = feed('T', conn, 't', turn, 'n', node, 'p', ARGV[5])
local ends = {}
for _, name in ipairs(logs_of(it)) do
  local log = touch(name)
  ends[#ends + 1] = name
  ends[#ends + 1] = text(log.last)
end
set_here(conn, it, '1')
local now = run('HGETALL', key)
for field, value in pairs(it) do
  local place = string.match(value, '^(%d+ %d+) n$')
  if place and string.sub(field, 1, 2) == 'r:' then
    run('HSET', key, field, place)
  end
end
return { 'taken', now, ends, taken }
