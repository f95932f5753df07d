-- For wrk: sends the requests of a file (a path and an Accept header in each line, a tab between them) over and over,
-- and prints as JSON to stderr how many were answered.

local requests = {}
local position = 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local path, accept = line:match("^(.*)\t(.*)$")
    requests[#requests + 1] = wrk.format("GET", path, { ["Accept"] = accept })
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "seconds": %.6f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
