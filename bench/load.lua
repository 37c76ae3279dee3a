-- load.lua - what wrk sends. Arguments: "get" FILE, each request with the next of the tokens in FILE, and for the path
-- that may stand behind it; "refresh" FILE, each token once; "chain" FILE, the same and then the tokens that came for
-- them; "login" FILE, the bodies in FILE. A thread has its own share of the lines.
local threads = 0
function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

local lines, paths, at = {}, {}, 0
local kind
function init(args)
   kind = args[1]
   if kind == "chain" then
      response = function(status, headers, body)
         lines[#lines + 1] = body:match('"refresh_token":"([^"]+)"')
      end
   end
   local n = 0
   if args[2] then
      for line in io.lines(args[2]) do
         if n % 2 == number then
            local text, path = line:match("^(.-) (/.*)$")
            lines[#lines + 1] = text or line
            paths[#lines] = path
         end
         n = n + 1
      end
   end
end

function request()
   at = at + 1
   if kind == "refresh" or kind == "chain" then
      if at > #lines then wrk.thread:stop() end
      return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, '{"refresh_token":"' .. (lines[at] or "") .. '"}')
   end
   if kind == "login" then
      return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, lines[(at - 1) % #lines + 1])
   end
   local turn = (at - 1) % #lines + 1
   return wrk.format("GET", paths[turn], { ["Authorization"] = "Bearer " .. lines[turn] })
end

function done(summary, latency)
   -- Not read errors: httpd closes idle connections when it needs their workers, and wrk comes again.
   local bad = summary.errors.status + summary.errors.connect + summary.errors.timeout
   io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, bad, latency:percentile(99)))
end
