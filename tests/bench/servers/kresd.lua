net.listen('$address', $port, {kind = 'dns'})
--when tls: net.listen('$address', $tls_port, {kind = 'tls'})
--when tls: net.tls('$certificate', '$key')
log_level('err')
-- FORWARD without a trust anchor does not validate. STUB would cache for five seconds only.
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
--when !bounded: cache.open(512 * MB, 'lmdb://$folder')
-- Without its collector a full cache is emptied.
--when bounded: cache.open(26 * MB, 'lmdb://$folder')
--when bounded: os.execute('kres-cache-gc -c $folder -d 100 > /dev/null 2>&1 &')
cache.max_ttl(86400)
net.ipv6 = false
option('NO_MINIMIZE', true)
for _, zone in ipairs({'westus', 'westus2', 'centralus', 'northeurope', 'westeurope', 'uksouth', 'japaneast', 'brazilsouth'}) do
    policy.add(policy.suffix(policy.FORWARD('$backend@$backend_port'), policy.todnames({zone .. '.svc.cluster.local'})))
end
policy.add(policy.suffix(policy.FORWARD('$backend@$backend_port'), policy.todnames({'cluster.local', 'corp.example'})))
