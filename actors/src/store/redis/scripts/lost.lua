-- Says that Redis has lost entries of the feed.
if lost ~= term then
  run('HSET', root .. 'gen', 'lost', term)
  feed('L', '')
end
return { 'done' }
