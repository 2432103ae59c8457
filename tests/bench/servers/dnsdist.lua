-- One listener, one TCP thread, eight sockets to the backend, one cache without sharding. All pools are the same backend here, so they
-- share one cache; the rule that the questions match comes first, so each question costs one rule.
setLocal("$address:$port", {reusePort=true, maxInFlight=64})
--when tls: addTLSLocal("$address:$tls_port", "$certificate", "$key", {provider="openssl", reusePort=true, maxInFlight=64})
--when batch: setUDPMultipleMessagesVectorSize(64)
setACL({"127.0.0.0/8"})
setSecurityPollSuffix("")
setMaxUDPOutstanding(65535)
setMaxTCPClientThreads(1)
setVerboseHealthChecks(false)
--when !bounded: local names = 1000000
--when bounded: local names = 130000
local cache = newPacketCache(names, {numberOfShards=1, maxTTL=86400, minTTL=0, maxNegativeTTL=30})
local function pool(name)
    newServer({address="$backend:$backend_port", pool=name, sockets=8, healthCheckMode="up", maxInFlight=64})
    getPool(name):setCache(cache)
end
for _, name in ipairs({"westus", "westus2", "centralus", "northeurope", "westeurope", "uksouth", "japaneast", "brazilsouth"}) do
    pool(name)
    addAction({name .. ".svc.cluster.local"}, PoolAction(name))
end
pool("") -- cluster.local and corp.example
