-- Each request begins an upload with a new name.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n, run = 0, tostring(os.time()) .. tostring(math.random(1, 1000000000))
local users = {}
for token in string.gmatch(os.getenv("BENCH_TOKENS") or "", "[^,]+") do users[#users + 1] = token end
request = function()
  n = n + 1
  if #users > 0 then wrk.headers["Authorization"] = "Bearer " .. users[n % #users + 1] end
  return wrk.format(nil, nil, nil, '{"name":"' .. run .. "-" .. n .. '","size":0,"content_type":"text/plain"}')
end
