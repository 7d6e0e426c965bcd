-- The sessions of Socket.IO clients that poll. The scripts have the arguments SESSION, INTERVAL and
-- TIMEOUT: the time between two pings and the time for the answer to a ping, in milliseconds.

local key, waiting = root .. 'p:' .. ARGV[4], root .. 'w:' .. ARGV[4]
local interval, timeout = tonumber(ARGV[5]), tonumber(ARGV[6])

-- The most packets that may wait, and the time for which they wait for the last poll of a session
-- that is over.
local MOST_WAITING, LAST_WAIT = 256, 100

-- What the session is, its connection, its latest turn, the times of the next ping and of the
-- answer to the last one, and whether it is over.
local content, conn, turn, ping, pong, over =
  unpack(run('HMGET', key, 's', 'conn', 'turn', 'ping', 'pong', 'over'))

-- Keeps the session for as long as its client may be silent.
local function stay()
  if content then
    run('PEXPIRE', key, text(2 * interval + timeout))
  end
end

-- Ends the session. It is remembered for as long as its client could connect.
local function close()
  content, over = false, '1'
  run('DEL', key)
  run('HSET', key, 'over', '1')
  run('PEXPIRE', key, text(3 * (interval + timeout)))
end

-- Lets the packets from ARGV[first] on wait for the client, and tells the nodes.
local function push(first)
  if #ARGV < first then
    return
  end
  if run('LLEN', waiting) + #ARGV - first >= MOST_WAITING then
    -- The client asks for answers, and does not read them.
    run('DEL', waiting)
    close()
  else
    run('RPUSH', waiting, unpack(ARGV, first))
    run('PEXPIRE', waiting, text(over and LAST_WAIT or 3 * (interval + timeout)))
  end
  feed('P', ARGV[4])
end

-- Returns the state of the session.
local function state()
  if over then
    return 'over'
  end
  local latest = content and run('HGET', root .. 'n:' .. conn, 'turn')
  if content and not latest then
    return run('GET', root .. 'e:' .. conn) == 'd' and 'disconnected' or 'open'
  end
  -- After a loss in Redis, the turn of the record may be a later one for another reason.
  local is_present = content and string.match(turn, '^%d+') == term
  return is_present and turn ~= term .. ' ' .. latest and 'replaced' or 'open'
end
