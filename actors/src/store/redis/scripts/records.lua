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

-- Returns the logs of a record, in the order of their names.
local function logs_of(it)
  local names = {}
  for field in pairs(it) do
    if string.sub(field, 1, 2) == 'r:' then
      names[#names + 1] = string.sub(field, 3)
    end
  end
  table.sort(names)
  return names
end

-- Returns whether a transport of a connection has not reported its end.
local function is_open(it)
  for field in pairs(it) do
    if string.sub(field, 1, 2) == 'o:' then
      return true
    end
  end
  return false
end

-- Adds a log to a record. The place of the connection begins at a position, which without one is
-- the end of the log. Returns the position.
local function join(conn, it, name, position)
  local is_new, mark = false, ''
  if not position then
    local log = touch(name)
    position, is_new = log.epoch .. ' ' .. text(log.last), log.is_new
    mark = is_open(it) and '' or ' n'
  end
  it['r:' .. name] = position .. mark
  run('HSET', root .. 'n:' .. conn, 'r:' .. name, position .. mark)
  local key = root .. 'c:' .. name
  if run('HINCRBY', key, 'conns', 1) == 1 then
    run('HSET', key, 'used', '1')
    if not is_new or is_private(name) then
      on_keys(name, 'PERSIST')
    end
  end
  return position
end

-- Notes that a record does not have a log any more.
local function forsake(name)
  if run('HINCRBY', root .. 'c:' .. name, 'conns', -1) == 0 then
    expire(name)
  end
end

-- Removes a log from a record.
local function part(conn, it, name)
  it['r:' .. name] = nil
  run('HDEL', root .. 'n:' .. conn, 'r:' .. name)
  forsake(name)
end

local states = {}

-- Returns the state of a user; nil if there is no such user.
local function state_of(user)
  if states[user] == nil then
    states[user] = run('HGET', root .. 'u:' .. user, 's')
  end
  return states[user] or nil
end

-- Returns the users who are present in a channel as the end of a JSON object, with their states.
-- Returns nothing if the channel does not want the list, or it is too long.
local function list_of_users(log)
  local key = root .. 'r:' .. log.name
  if not is_set(log.settings, BL) or run('HLEN', key) > USER_LIST then
    return ''
  end
  local users = run('HKEYS', key)
  table.sort(users)
  for index, user in ipairs(users) do
    users[index] = '[' .. cjson.encode(user) .. ',' .. (state_of(user) or 'null') .. ']'
  end
  return ',"users":[' .. table.concat(users, ',') .. ']'
end

-- Tells the nodes how many present connections a user has in a channel. Others who come are new to
-- them, so their states are told too.
local function feed_count(name, user, before, count)
  local state = before == 0 and state_of(user)
  if state then
    feed('M', name, 'u', user, 'n', text(count), 's', state)
  else
    feed('M', name, 'u', user, 'n', text(count))
  end
end

-- The counts before the script of changes that were not told, by user and 'r:LOG'.
local untold = {}

-- Counts a connection that has come or gone. Tells the nodes of it, and the channel if it is the
-- user's first or last one. A quiet change is told only to the nodes, by `tell`.
local function count(name, user, here, is_quiet)
  if is_private(name) then
    return
  end
  local key, change = root .. 'r:' .. name, here == '1' and 1 or -1
  local after = run('HINCRBY', key, user, change)
  if after <= 0 then
    run('HDEL', key, user)
  end
  if is_quiet then
    untold[user] = untold[user] or {}
    untold[user]['r:' .. name] = untold[user]['r:' .. name] or after - change
    return
  end
  feed_count(name, user, after - change, after)
  local is_news = after == (here == '1' and 1 or 0)
  if is_news and is_set(run('HGET', root .. 'c:' .. name, 'set'), NP) then
    local log = touch(name)
    local state = here == '1' and state_of(user) or 'null'
    local event = '{"user":' .. cjson.encode(user) .. ',"state":' .. state
    append(log, (here == '1' and '+' or '-') .. event .. list_of_users(log) .. '}')
  end
end

-- Tells the nodes which counts quiet changes have changed.
local function tell(user)
  for _, name in ipairs(logs_of(untold[user] or {})) do
    local before = untold[user]['r:' .. name]
    local after = tonumber(run('HGET', root .. 'r:' .. name, user) or '0')
    if after ~= before then
      feed_count(name, user, before, after)
    end
  end
end

-- Makes a connection present or absent in all its channels.
local function set_here(conn, it, here, is_quiet)
  if it.here == here then
    return
  end
  it.here = here
  run('HSET', root .. 'n:' .. conn, 'here', here)
  for _, name in ipairs(logs_of(it)) do
    count(name, it.user, here, is_quiet)
  end
end

-- Notes that a record names a node, whose beats are watched from then on.
local function name_node(conn, name)
  run('SADD', root .. 's:' .. name, conn)
  run('HSETNX', root .. 'beats', name, '0')
end

-- Names another node in a record.
local function move(conn, it, to)
  if it.node ~= to then
    run('SREM', root .. 's:' .. (it.node or ''), conn)
    name_node(conn, to)
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

-- Notes up to where a client has read: logs and positions from ARGV[first] on.
local function merge(conn, it, first)
  for index = first, #ARGV, 2 do
    local field, position = 'r:' .. ARGV[index], ARGV[index + 1]
    if it[field] and is_behind(position, it[field]) then
      it[field] = position
      run('HSET', root .. 'n:' .. conn, field, position)
    end
  end
end
