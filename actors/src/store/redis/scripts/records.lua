-- The records of connections, and who is present.

-- Returns the record of a connection as a table; nil if there is none.
local function record(conn)
  local flat = run('HGETALL', root .. 'n:' .. conn)
  if #flat == 0 then
    return nil
  end
  local it = {}
  for index = 1, #flat, 2 do
    it[flat[index]] = flat[index + 1]
  end
  return it
end

-- Returns the channels of a record, in the order of their names.
local function channels_of(it)
  local channels = {}
  for field in pairs(it) do
    if string.sub(field, 1, 2) == 'r:' then
      channels[#channels + 1] = string.sub(field, 3)
    end
  end
  table.sort(channels)
  return channels
end

-- Adds a channel to a record. The place of the connection begins at a position, which without one
-- is the end of the log. Returns the position.
local function join(conn, it, channel, position)
  if not position then
    position = table.concat({ touch(channel) }, ' ')
  end
  it['r:' .. channel] = position
  run('HSET', root .. 'n:' .. conn, 'r:' .. channel, position)
  run('HINCRBY', root .. 'c:' .. channel, 'conns', 1)
  return position
end

-- Removes a channel from a record.
local function part(conn, it, channel)
  it['r:' .. channel] = nil
  run('HDEL', root .. 'n:' .. conn, 'r:' .. channel)
  run('HINCRBY', root .. 'c:' .. channel, 'conns', -1)
end

-- Counts a connection that has come or gone, and tells the channel if it is the user's first or
-- last one.
local function count(channel, user, here, is_quiet)
  local key = root .. 'r:' .. channel
  local now = run('HINCRBY', key, user, here == '1' and 1 or -1)
  if now <= 0 then
    run('HDEL', key, user)
  end
  local log = root .. 'c:' .. channel
  run('HSET', log, 'used', '1')
  local is_news = not is_quiet and (now <= 0 or (here == '1' and now == 1))
  if is_news and run('HGET', log, 'np') == '1' then
    append(channel, (here == '1' and '+' or '-') .. user)
  end
end

-- Makes a connection present or absent in all its channels.
local function set_here(conn, it, here, is_quiet)
  if it.here == here then
    return
  end
  it.here = here
  run('HSET', root .. 'n:' .. conn, 'here', here)
  for _, channel in ipairs(channels_of(it)) do
    count(channel, it.user, here, is_quiet)
  end
end

-- Names another node in a record.
local function move(conn, it, to)
  if it.node ~= to then
    run('SREM', root .. 's:' .. (it.node or ''), conn)
    run('SADD', root .. 's:' .. to, conn)
    run('HSET', root .. 'n:' .. conn, 'node', to)
    it.node = to
  end
end

-- Returns the answer that names the latest turn, if it is later than this one.
local function later(it, turn)
  if tonumber(it.turn) > tonumber(turn) then
    return { 'later', it.turn }
  end
end

-- Returns whether a position in a log, or an entry of the feed, is behind another one.
local function is_behind(it, other)
  local first, second = string.match(it, '(%d+)%D(%d+)')
  local other_first, other_second = string.match(other, '(%d+)%D(%d+)')
  if first == other_first then
    return tonumber(second) > tonumber(other_second)
  end
  return tonumber(first) > tonumber(other_first)
end

-- Notes up to where a client has read: channels and positions from ARGV[first] on.
local function merge(conn, it, first)
  for index = first, #ARGV, 2 do
    local field, position = 'r:' .. ARGV[index], ARGV[index + 1]
    if it[field] and is_behind(position, it[field]) then
      it[field] = position
      run('HSET', root .. 'n:' .. conn, field, position)
    end
  end
end
