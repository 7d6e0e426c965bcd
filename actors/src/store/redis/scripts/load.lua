-- CHANNEL: reads a log.
local channel = ARGV[4]
touch(channel)
local log = run('HMGET', root .. 'c:' .. channel, 'epoch', 'former', 'start', 'end', 'whole')
return { 'loaded', log, run('LRANGE', root .. 'l:' .. channel, 0, -1), fed() }
