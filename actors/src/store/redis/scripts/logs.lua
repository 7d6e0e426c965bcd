-- The logs of channels and the private logs of users.

-- The former epochs that a log remembers, and the most items that are dropped at once.
local REMEMBERED, MOST_DROPPED = 8, 32

-- The number of items after which the oldest ones are dropped that are too old.
local AGE_INTERVAL = 16

-- The settings of a channel are 'NP SH BL NS SF HS', or '' before it was configured, as they are for
-- a private log. Each but the last one is '1' or '0'. These are their places: notify_presence,
-- store_history, broadcast_presence_with_user_lists, notify_state, store_frames, and history_size.
local NP, SH, BL, NS, SF, HS = 1, 3, 5, 7, 9, 11

-- The characters '1' and '@'.
local ONE, AT = 49, 64

-- Returns whether a setting is '1'.
local function is_set(settings, place)
  return string.byte(settings, place) == ONE
end

-- Returns whether a log is the private log of a user.
local function is_private(name)
  return string.byte(name) == AT
end

local time

-- Returns the time of Redis in milliseconds. It stands still in a script.
local function now()
  if not time then
    local found = run('TIME')
    time = tonumber(found[1]) * 1000 + math.floor(tonumber(found[2]) / 1000)
  end
  return time
end

-- Runs a command on the keys of a log that expire.
local function on_keys(name, command, ...)
  run(command, root .. 'c:' .. name, ...)
  run(command, root .. 'l:' .. name, ...)
  if is_private(name) then
    run(command, root .. 'u:' .. string.sub(name, 2), ...)
  else
    run(command, root .. 'h:' .. name, ...)
  end
end

-- Begins the lifetime of a log that no record has anew.
local function expire(name)
  on_keys(name, 'PEXPIRE', is_private(name) and USER_LIFETIME or CHANNEL_LIFETIME)
end

-- Returns a log; nil if there is none.
local function find(name)
  local key = root .. 'c:' .. name
  local it = run('HMGET', key, 'end', 'bytes', 'hbytes', 'epoch', 'since', 'conns', 'set')
  if not it[1] then
    return nil
  end
  return { name = name, key = key, last = tonumber(it[1]), bytes = it[2], hbytes = it[3],
    epoch = it[4], since = it[5], conns = it[6], settings = it[7] }
end

-- Begins another epoch of a log if entries may have been lost since the last write.
local function freshen(log)
  if log.since == since then
    return
  end
  local former = run('HGET', log.key, 'former') .. log.epoch .. ' ' .. text(log.last) .. ' '
  local _, count = string.gsub(former, '%d+ %d+ ', '')
  for _ = REMEMBERED + 1, count do
    former = string.gsub(former, '^%d+ %d+ ', '')
  end
  log.epoch = text(run('INCR', root .. 'lives'))
  run('HSET', log.key, 'epoch', log.epoch, 'since', since, 'former', former)
  if string.match(log.since, '%d+$') ~= lost then
    run('HSET', log.key, 'whole', log.epoch)
  end
end

-- Returns a log, which is made if there is none. A new log must be joined, or its lifetime must
-- begin.
local function touch(name)
  local log = find(name)
  if log then
    freshen(log)
    return log
  end
  local key, epoch = root .. 'c:' .. name, text(run('INCR', root .. 'lives'))
  run('HSET', key, 'end', '0', 'bytes', '0', 'hbytes', '0', 'epoch', epoch, 'since', since, 'conns',
    '0', 'set', '', 'former', '', 'whole', epoch, 'origin', epoch, 'at', text(now()), 'rev', '0')
  run('SADD', root .. 'logs', name)
  return { name = name, key = key, last = 0, bytes = '0', hbytes = '0', epoch = epoch, conns = '0',
    settings = '', is_new = true }
end

-- Stores an item in the history of a log, and drops the oldest ones that are too many. A smaller
-- size of the history takes effect here. Returns the number of bytes of the history.
local function store(log, item)
  local key = root .. 'h:' .. log.name
  local beyond = run('RPUSH', key, item) - tonumber(string.sub(log.settings, HS))
  local bytes = log.hbytes + #item
  while beyond > 0 or bytes > HISTORY_BYTES do
    bytes, beyond = bytes - #run('LPOP', key), beyond - 1
  end
  return text(bytes)
end

-- Drops some of the oldest of a log's items, of which there are `count`, if they need not stay.
-- Returns the number of bytes of the rest.
local function drop_oldest(log, count, bytes, at)
  local key = root .. 'l:' .. log.name
  local first = count - MOST_DROPPED
  while count > first and (count > LOG_LENGTH or (bytes > LOG_BYTES and count > 1)) do
    bytes, count = bytes - #run('LPOP', key), count - 1
  end
  if log.last % AGE_INTERVAL ~= 0 then
    return bytes
  end
  local frames = is_private(log.name) and PRIVATE_FRAMES or CHANNEL_FRAMES
  local oldest = at - LOG_AGE
  while count > first and count > frames do
    if tonumber(string.match(run('LINDEX', key, 0), ' (%d+)')) >= oldest then
      break
    end
    bytes, count = bytes - #run('LPOP', key), count - 1
  end
  return bytes
end

-- Appends an item to a log that was found and is fresh. Returns the id of its entry of the feed.
local function append(log, content, is_for_history)
  local name, at = log.name, now()
  local is_stored = is_for_history and is_set(log.settings, SH)
  local is_kept = log.settings == '' or is_set(log.settings, SF)
  log.last = log.last + 1
  local offset = text(log.last)
  local flags = (is_kept and ' 1' or ' 0') .. (is_stored and '1 ' or '0 ')
  local item = offset .. ' ' .. text(at) .. flags .. content
  local count = run('RPUSH', root .. 'l:' .. name, item)
  local bytes = drop_oldest(log, count, log.bytes + #item, at)
  if is_stored then
    local hbytes = store(log, item)
    run('HSET', log.key, 'end', offset, 'bytes', text(bytes), 'hbytes', hbytes)
  else
    run('HSET', log.key, 'end', offset, 'bytes', text(bytes))
  end
  local id = feed('A', name, 'p', log.epoch, 'e', item)
  if log.conns == '0' then
    expire(name)
  end
  return id
end
