-- CHANNEL, ENTRY, FOR_HISTORY ('1' or '0'): appends a message to the log of a channel, and to its
-- history if that keeps messages. A channel that does not exist has nobody to hear it.
local channel, entry = ARGV[4], ARGV[5]
local settings = run('HMGET', root .. 'c:' .. channel, 'epoch', 'sh', 'hs')
if not settings[1] then
  return { 'done' }
end
local id = append(channel, entry)
if settings[2] == '1' and ARGV[6] == '1' then
  local key = root .. 'h:' .. channel
  run('RPUSH', key, entry)
  if settings[3] == '0' then
    run('DEL', key)
  else
    run('LTRIM', key, '-' .. settings[3], -1)
  end
end
return { 'posted', id }
