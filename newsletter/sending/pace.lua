-- What newsletter/sending/pace.py runs inside Redis: takes mails from buckets, or gives them back.
--
-- KEYS: a hash for each want. ARGV: the time in seconds ('' = that of Redis), and the wants as JSON,
-- in the order of KEYS: count (negative: give back), force, rate (mails a second), minute, hour and
-- day (the limits), used (pairs of time and mails, for a window that is not known here).
-- Returns for each want how many mails were granted, and the seconds until more is worth asking.
--
-- A window is a row of counters, each for a step of time. A counter leaves when even its youngest
-- mail is older than the window and GUARD, so the sum is never less than what a relay counts.

local GUARD = 2 -- seconds that may pass between a grant and its mail
local LIFETIME = 90000 -- seconds; above the longest window, GUARD and a step
local LONGEST_WAIT = 86400 -- seconds
local BACKWARDS = 60 -- seconds that the clock may go back before a bucket begins anew
local NEARLY = 0.000001 -- of a mail, so that fractions which were rounded still add up to one
local WINDOWS = {
  { name = 'minute', length = 60, step = 1 },
  { name = 'hour', length = 3600, step = 60 },
  { name = 'day', length = 86400, step = 900 },
}

local function field(window, index)
  return window.name .. ':' .. index
end

local function count(key, window, time, mails)
  redis.call('HINCRBY', key, field(window, math.floor(time / window.step)), mails)
end

-- Begins a window, with what is known to have gone out already. Returns how many mails that is.
local function seed(key, window, now, used)
  local total = 0
  for _, part in ipairs(used) do
    local time, mails = math.min(part[1], now), part[2]
    if math.floor(time / window.step) >= window.first then
      count(key, window, time, mails)
      total = total + mails
    end
  end
  return total
end

-- Drops the counters that have left the window. Returns how many mails they held.
local function drop(key, window, from)
  local gone = 0
  -- What lies further from `from` than the window is long was never counted.
  local last = math.min(window.first - 1, from + math.ceil((window.length + GUARD) / window.step))
  for index = from, last do
    local mails = redis.call('HGET', key, field(window, index))
    if mails then
      gone = gone + mails
      redis.call('HDEL', key, field(window, index))
    end
  end
  return gone
end

-- Returns the window as it is now: its limit, and how many mails it holds.
local function open(key, kind, limit, now, used)
  local window = { name = kind.name, length = kind.length, step = kind.step, limit = limit }
  window.first = math.floor((now - kind.length - GUARD) / kind.step)
  local known = redis.call('HMGET', key, kind.name .. ':from', kind.name .. ':total')
  if known[1] then
    window.total = known[2] - drop(key, window, tonumber(known[1]))
    window.first = math.max(window.first, tonumber(known[1]))
  else
    window.total = seed(key, window, now, used)
  end
  return window
end

local function close(key, window)
  redis.call('HSET', key, window.name .. ':from', window.first, window.name .. ':total', window.total)
end

-- Takes mails out of a window, those that were counted last first. Returns nothing.
local function give_back(key, window, now, mails)
  for index = math.floor(now / window.step), window.first, -1 do
    local found = math.min(mails, tonumber(redis.call('HGET', key, field(window, index)) or 0))
    if found > 0 then
      redis.call('HINCRBY', key, field(window, index), -found)
      window.total = window.total - found
      mails = mails - found
    end
    if mails == 0 then
      return
    end
  end
end

-- Returns the seconds until a window has room for one more.
local function until_room(key, window, now)
  local left = window.total
  local index = window.first
  while left > window.limit - 1 and index <= math.floor(now / window.step) do
    left = left - (redis.call('HGET', key, field(window, index)) or 0)
    index = index + 1
  end
  if left > window.limit - 1 then
    return LONGEST_WAIT -- the limit is nought
  end
  return math.max(0, index * window.step + window.length + GUARD - now)
end

-- Returns the seconds until a bucket holds enough for a next chunk of `missing` mails.
local function until_filled(bucket, missing)
  -- Half of what it can hold, so that nothing runs over when the next question comes a bit late.
  local chunk = math.min(missing, math.max(1, bucket.capacity / 2))
  return math.max(0, (chunk - bucket.tokens) / bucket.rate)
end

local function fill(want, at, tokens, now)
  -- One, for rates below one a second; and a tenth of a second's, for those who ask a bit late.
  local bucket = { rate = want.rate, capacity = want.rate > 0 and 1 + want.rate / 10 or 0 }
  local more = (now - at) * want.rate
  bucket.tokens = math.min(bucket.capacity, (tonumber(tokens) or bucket.capacity) + more)
  return bucket
end

local function room(bucket, windows)
  local free = bucket and bucket.tokens or math.huge
  for _, window in ipairs(windows) do
    free = math.min(free, window.limit - window.total)
  end
  return math.max(0, math.floor(free + NEARLY))
end

local function spend(key, want, bucket, windows, now)
  local granted = want.count
  if granted > 0 and not want.force then
    granted = math.min(granted, room(bucket, windows))
  end
  if bucket then
    bucket.tokens = math.min(bucket.capacity, bucket.tokens - granted)
    redis.call('HSET', key, 'tokens', string.format('%.6f', bucket.tokens))
  end
  for _, window in ipairs(windows) do
    if granted < 0 then
      give_back(key, window, now, -granted)
    elseif granted > 0 then
      count(key, window, now, granted)
      window.total = window.total + granted
    end
    close(key, window)
  end
  return granted
end

local function waiting(key, missing, bucket, windows, now)
  local wait = bucket and until_filled(bucket, missing) or 0
  for _, window in ipairs(windows) do
    if window.limit - window.total < 1 then
      wait = math.max(wait, until_room(key, window, now))
    end
  end
  return math.min(wait, LONGEST_WAIT)
end

local function take(key, want, now)
  local known = redis.call('HMGET', key, 'at', 'tokens')
  local at = tonumber(known[1]) or now
  if at - now > BACKWARDS then
    redis.call('DEL', key)
    known, at = {}, now
  end
  now = math.max(now, at)
  local bucket = want.rate and fill(want, at, known[2], now)
  local windows = {}
  for _, kind in ipairs(WINDOWS) do
    if want[kind.name] then
      table.insert(windows, open(key, kind, want[kind.name], now, want.used))
    end
  end
  local granted = spend(key, want, bucket, windows, now)
  redis.call('HSET', key, 'at', string.format('%.6f', now))
  redis.call('EXPIRE', key, LIFETIME)
  if granted >= want.count then
    return { granted, '0' }
  end
  return { granted, tostring(waiting(key, want.count - granted, bucket, windows, now)) }
end

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local answers = {}
for number, want in ipairs(cjson.decode(ARGV[2])) do
  answers[number] = take(KEYS[number], want, now)
end
return answers
