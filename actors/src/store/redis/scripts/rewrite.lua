-- LOG, OFFSET or '', SEEN, MESSAGE or '', EVENT: appends the edit or the deletion of a message, and
-- edits or empties the message at the offset where it is kept. SEEN is the offset of the last edit
-- or deletion that the caller knows. Without an OFFSET the message is not kept any more, and
-- without a MESSAGE it is deleted.
local name, offset, seen, message = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local log = find(name)
if not log then
  return { 'done' }
end
if offset and run('HGET', log.key, 'rev') ~= seen then
  return refuse()
end
freshen(log)

-- Returns an item with the new content.
local function rewritten(item)
  return string.match(item, '^%d+ %d+ %d%d ') .. (message == '' and 'x' or message)
end

-- Returns the index of the item at the offset in the history, and the item; nil if it is not there.
local function find_in_history(key)
  local low, high = 0, run('LLEN', key) - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local item = run('LINDEX', key, middle)
    local found = tonumber(string.match(item, '^%d+'))
    if found == offset then
      return middle, item
    elseif found < offset then
      low = middle + 1
    else
      high = middle - 1
    end
  end
end

if offset then
  local key = root .. 'l:' .. name
  local index = offset - log.last + run('LLEN', key) - 1
  local item = index >= 0 and run('LINDEX', key, index)
  if item then
    local new = rewritten(item)
    run('LSET', key, index, new)
    log.bytes = log.bytes + #new - #item
  end
  key = root .. 'h:' .. name
  index, item = find_in_history(key)
  if index and message == '' then
    run('LREM', key, -1, item)
    log.hbytes = log.hbytes - #item
  elseif index then
    local new = rewritten(item)
    run('LSET', key, index, new)
    log.hbytes = log.hbytes + #new - #item
  end
end
run('HSET', log.key, 'rev', text(log.last + 1), 'hbytes', text(log.hbytes))
return { 'posted', append(log, ARGV[8]) }
