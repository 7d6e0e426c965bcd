-- KEY, CLAIM: keeps a claim to make a call once, unless there is one. Returns the claim that is
-- kept.
local key = root .. 'k:' .. ARGV[4]
if run('SET', key, ARGV[5], 'NX', 'PX', '300000') then
  return { 'claimed', ARGV[5] }
end
return { 'claimed', run('GET', key) }
