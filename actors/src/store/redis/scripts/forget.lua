-- CHANNEL: forgets a channel in which nobody is.
local channel = ARGV[4]
if tonumber(run('HGET', root .. 'c:' .. channel, 'conns') or '0') > 0 then
  return { 'in_use' }
end
run('DEL', root .. 'c:' .. channel, root .. 'l:' .. channel, root .. 'h:' .. channel,
  root .. 'r:' .. channel)
return { 'done' }
