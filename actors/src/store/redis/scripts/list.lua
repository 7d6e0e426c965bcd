-- NODE: lists the connections whose records name a node, each with its turn and whether it is
-- present.
local listed = {}
for _, conn in ipairs(run('SMEMBERS', root .. 's:' .. ARGV[4])) do
  local it = run('HMGET', root .. 'n:' .. conn, 'turn', 'here')
  listed[#listed + 1] = conn
  listed[#listed + 1] = it[1]
  listed[#listed + 1] = it[2]
end
return { 'listed', listed }
