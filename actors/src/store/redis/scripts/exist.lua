-- LOG...: returns which of these logs exist.
local names = {}
for index = 4, #ARGV do
  if run('EXISTS', root .. 'c:' .. ARGV[index]) == 1 then
    names[#names + 1] = ARGV[index]
  end
end
return { 'names', '0', names }
