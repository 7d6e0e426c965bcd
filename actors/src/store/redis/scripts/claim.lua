-- KEY, CLAIM: keeps a claim to make a call once, unless there is one. Returns the claim that is
-- kept.
local key = root .. 'k:' .. ARGV[5]
if run('SET', key, ARGV[6], 'NX', 'PX', '300000') then
  return { 'claimed', ARGV[6] }
end
return { 'claimed', run('GET', key) }
