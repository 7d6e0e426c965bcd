-- LOG, ONLY_NEW ('1' or '0'), SETTINGS (logs.lua): sets the settings of a channel. With ONLY_NEW
-- only if it was never configured and no record ever had it.
local name, settings = ARGV[4], ARGV[6]
local log = touch(name)
if log.conns == '0' then
  expire(name)
end
if ARGV[5] == '1' and (log.settings ~= '' or run('HEXISTS', log.key, 'used') == 1) then
  return { 'done' }
end
run('HSET', log.key, 'set', settings)
feed('C', name, 'set', settings)
return { 'done' }
