-- CHANNEL, ONLY_NEW ('1' or '0'), then the settings notify_presence, store_history, history_size,
-- broadcast_presence_with_user_lists, notify_state and store_frames (flags are '1' or '0'): sets
-- the settings of a channel. With ONLY_NEW only if it was never configured and nobody was ever in
-- it.
local channel = ARGV[4]
touch(channel)
local key = root .. 'c:' .. channel
if ARGV[5] == '1' and run('HGET', key, 'used') then
  return { 'done' }
end
local settings = { 'np', ARGV[6], 'sh', ARGV[7], 'hs', ARGV[8], 'bl', ARGV[9], 'ns', ARGV[10], 'sf',
  ARGV[11] }
run('HSET', key, 'used', '1', unpack(settings))
feed('C', channel, unpack(settings))
return { 'done' }
