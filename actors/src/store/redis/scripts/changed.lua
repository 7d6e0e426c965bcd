-- The answer to a call that knows the present too little.

-- Refuses the call. If it is sent again, it is refused again.
local function refuse()
  local key = root .. 'x:' .. node
  run('SADD', key, ARGV[2])
  run('PEXPIRE', key, '600000')
  return { 'changed' }
end
