-- The logs of channels.

local REMEMBERED = 8

-- Makes the log of a channel, or begins another epoch if entries may have been lost since the last
-- write. Returns the epoch and the last offset.
local function touch(channel)
  local key = root .. 'c:' .. channel
  local log = run('HMGET', key, 'epoch', 'end', 'term', 'lost', 'former')
  if not log[1] then
    local epoch = text(run('INCR', root .. 'lives'))
    run('HSET', key, 'epoch', epoch, 'start', '0', 'end', '0', 'former', '', 'whole', epoch,
      'term', term, 'lost', lost)
    return epoch, '0'
  end
  if log[3] == term and log[4] == lost then
    return log[1], log[2]
  end
  local former = log[5] .. log[1] .. ' ' .. log[2] .. ' '
  local _, count = string.gsub(former, '%d+ %d+ ', '')
  for _ = REMEMBERED + 1, count do
    former = string.gsub(former, '^%d+ %d+ ', '')
  end
  local epoch = text(run('INCR', root .. 'lives'))
  run('HSET', key, 'epoch', epoch, 'former', former, 'term', term, 'lost', lost)
  if log[4] ~= lost then
    run('HSET', key, 'whole', epoch)
  end
  return epoch, log[2]
end

local function append(channel, entry)
  local epoch = touch(channel)
  local offset = text(run('HINCRBY', root .. 'c:' .. channel, 'end', 1))
  run('RPUSH', root .. 'l:' .. channel, entry)
  return feed('A', channel, 'p', epoch .. ' ' .. offset, 'e', entry)
end
