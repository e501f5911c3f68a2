-- What newsletter/sending/pace.py runs inside Redis: shares a server's connections among runs.
--
-- KEYS[1]: a hash, run -> 'wanted told held until'. ARGV: the time in seconds ('' = that of Redis),
-- the run, how many connections it wants, how many it has open ('' = as many as it was told), the
-- limit, and the seconds after which a lease ends that is not renewed.
-- Returns how many connections the run may have.
--
-- What counts against the limit is what a run holds: it is told a smaller number first, and the
-- difference is free for others only when it asks again and has closed its surplus.

local TURN = 10 -- seconds that a run keeps its connection when there are more runs than connections

local key, run, wanted, limit = KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
local now = tonumber(ARGV[1]) or tonumber(redis.call('TIME')[1])

-- Returns all runs whose lease holds, and this one; the hash keeps no others.
local function living()
  local runs = { [run] = { id = run, told = 0, held = 0 } }
  local flat = redis.call('HGETALL', key)
  for place = 1, #flat, 2 do
    local id = flat[place]
    local wants, told, held, ends = string.match(flat[place + 1], '(%S+) (%S+) (%S+) (%S+)')
    if tonumber(ends) > now then
      runs[id] = { id = id, wanted = tonumber(wants), told = tonumber(told), held = tonumber(held) }
    else
      redis.call('HDEL', key, id)
    end
  end
  runs[run].wanted = wanted
  return runs
end

-- Returns the runs in the order in which they are served, the modest first.
local function in_order(runs)
  local ids = {}
  for id in pairs(runs) do
    table.insert(ids, id)
  end
  table.sort(ids)
  local is_scarce = #ids > limit
  local turn = is_scarce and math.floor(now / TURN) or 0
  local order = {}
  for place, id in ipairs(ids) do
    -- Nobody can have more than one then, so nobody's modesty counts.
    local wish = is_scarce and 1 or runs[id].wanted
    table.insert(order, { id = id, wish = wish, place = (place + turn) % #ids })
  end
  table.sort(order, function(one, other)
    if one.wish ~= other.wish then
      return one.wish < other.wish
    end
    return one.place < other.place
  end)
  return order
end

-- Returns this run's fair share: equal parts, and what the modest leave is shared by the others.
local function share(runs)
  local order = in_order(runs)
  local left = limit
  for place, entry in ipairs(order) do
    local part = math.min(entry.wish, math.floor(left / (#order - place + 1)))
    if entry.id == run then
      return part
    end
    left = left - part
  end
end

if wanted <= 0 then
  redis.call('HDEL', key, run)
  return 0
end
local runs = living()
local free = limit
for id, other in pairs(runs) do
  if id ~= run then
    free = free - other.held
  end
end
local told = math.max(0, math.min(wanted, share(runs), free))
local held = math.max(told, tonumber(ARGV[4]) or runs[run].told)
redis.call('HSET', key, run, string.format('%d %d %d %.3f', wanted, told, held, now + ARGV[6]))
redis.call('EXPIRE', key, math.ceil(ARGV[6]) + 1)
return told
