-- CONN, USER, LOG...: makes the record of a connection, which is present from then on.
local conn, user = ARGV[4], ARGV[5]
local key = root .. 'n:' .. conn
if run('EXISTS', key) == 1 then
  return { 'known', run('HGETALL', key) }
end
local turn = text(run('INCR', root .. 'turns'))
run('HSET', key, 'user', user, 'node', node, 'turn', turn, 'born', turn, 'cont', turn,
  'here', '0')
name_node(conn, node)
run('SADD', root .. 'uc:' .. user, conn)
run('DEL', root .. 'e:' .. conn)
local it = { user = user, here = '0' }
for index = 6, #ARGV do
  join(conn, it, ARGV[index])
end
set_here(conn, it, '1')
return { 'connected', run('HGETALL', key), fed() }
