-- CHANNEL, ENTRY: appends a message to the log of a channel. A channel that does not exist has
-- nobody to hear it.
if run('EXISTS', root .. 'c:' .. ARGV[4]) == 0 then
  return { 'done' }
end
return { 'posted', append(ARGV[4], ARGV[5]) }
