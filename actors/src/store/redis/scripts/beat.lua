-- Tells the other nodes that the calling node lives.
run('HINCRBY', root .. 'beats', node, 1)
return { 'done' }
