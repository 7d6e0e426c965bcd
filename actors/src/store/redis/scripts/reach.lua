-- Returns the last entry of the feed.
return { 'reached', fed() }
