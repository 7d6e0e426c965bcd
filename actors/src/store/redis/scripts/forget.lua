-- LOG: forgets a log that no record has, and what belongs to its channel or its user.
local name = ARGV[4]
if tonumber(run('HGET', root .. 'c:' .. name, 'conns') or '0') > 0 then
  return { 'in_use' }
end
on_keys(name, 'DEL')
run('SREM', root .. 'logs', name)
feed('G', name)
return { 'done' }
