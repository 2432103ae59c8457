-- Each peer a pool with health checks of its own zone every second, and a cache that keeps what is stale while the pool is down.
setLocal("$address:$port")
setACL({"127.0.0.0/8"})
setSecurityPollSuffix("")
setVerboseHealthChecks(false)
setStaleCacheEntriesTTL(30)
local function peer(name, endpoints)
    local zone = name .. ".svc.cluster.local."
    for _, address in ipairs(endpoints) do
        newServer({address=address, pool=name, checkName=zone, checkType="NS", mustResolve=true, checkInterval=1, checkTimeout=500})
    end
    getPool(name):setCache(newPacketCache(100000, {maxTTL=86400, minTTL=0, keepStaleData=true}))
    addAction({zone}, PoolAction(name))
end
peer("westus", {"$west0", "$west1"})
peer("northeurope", {"$north0", "$north1"})
