-- CURSOR: lists the names of some logs. Returns where the list goes on.
local found = run('SSCAN', root .. 'logs', ARGV[4], 'COUNT', '1000')
local names = {}
for _, name in ipairs(found[2]) do
  if run('EXISTS', root .. 'c:' .. name) == 1 then
    names[#names + 1] = name
  else
    run('SREM', root .. 'logs', name)
  end
end
return { 'names', found[1], names }
