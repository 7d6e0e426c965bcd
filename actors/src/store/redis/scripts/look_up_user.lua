-- USER: reads a user.
local user = look_up(ARGV[4])
return user and { 'user', user } or { 'unknown' }
