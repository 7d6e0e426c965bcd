-- KEY, CLAIM or '': replaces a claim to make a call once, or forgets it.
local key = root .. 'k:' .. ARGV[5]
if ARGV[6] == '' then
  run('DEL', key)
else
  run('SET', key, ARGV[6], 'PX', '300000')
end
return { 'done' }
