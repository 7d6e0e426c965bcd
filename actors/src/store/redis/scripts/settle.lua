-- KEY, CLAIM or '': replaces a claim to make a call once, or forgets it.
local key = root .. 'k:' .. ARGV[4]
if ARGV[5] == '' then
  run('DEL', key)
else
  run('SET', key, ARGV[5], 'PX', '300000')
end
return { 'done' }
