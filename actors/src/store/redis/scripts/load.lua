-- CHANNEL: reads a channel: its log, its settings and its history.
local channel = ARGV[4]
touch(channel)
local log = run('HMGET', root .. 'c:' .. channel, 'epoch', 'former', 'start', 'end', 'whole')
return { 'loaded', log, run('LRANGE', root .. 'l:' .. channel, 0, -1),
  run('HMGET', root .. 'c:' .. channel, 'np', 'sh', 'hs', 'bl', 'ns', 'sf'),
  run('LRANGE', root .. 'h:' .. channel, 0, -1), fed() }
