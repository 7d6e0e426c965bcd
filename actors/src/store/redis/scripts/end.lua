-- CONN, TURN or '': ends a connection. The turn must be the latest one, if one is given.
local conn, turn = ARGV[4], ARGV[5]
local it = record(conn)
if not it then
  return { 'unknown' }
end
local refused = turn ~= '' and later(it, turn)
if refused then
  return refused
end
set_here(conn, it, '0')
for _, name in ipairs(logs_of(it)) do
  forsake(name)
end
run('DEL', root .. 'n:' .. conn)
run('SREM', root .. 's:' .. it.node, conn)
run('SREM', root .. 'uc:' .. it.user, conn)
run('SET', root .. 'e:' .. conn, turn == '' and 'd' or 'i', 'PX', '120000')
feed('E', conn, 't', it.turn)
return { 'done' }
