// The key tables of all mappings with fixed keys. Each stands in the file of its readers.
#pragma once

#include "config/builder.hpp"
#include "config/key_table.hpp"
#include "config/reader.hpp"
#include "peerzone/config/config.hpp"

namespace peerzone::config {

const KeyTable<Config>& top_section();

// sections.cpp
const KeyTable<Config>& cluster_section();
const KeyTable<server::ListenOptions>& listen_section();
const KeyTable<cache::Options>& cache_section();
const KeyTable<Config>& limits_section();
const KeyTable<log::Options>& log_section();

// listen_tls.cpp
const KeyTable<server::TlsOptions>& tls_section();

// upstreams.cpp; those of the three kinds have most keys in common.
const KeyTable<Config>& local_section();
const KeyTable<upstream::Options>& upstream_section(upstream::Kind kind);
const KeyTable<upstream::StaleOptions>& stale_section(upstream::Kind kind);
const KeyTable<upstream::Alias>& alias_section();

// upstream_tls.cpp
const KeyTable<exchange::TlsOptions>& upstream_tls_section(upstream::Kind kind);

// views.cpp
const KeyTable<View>& view_section();

// zones.cpp
struct ZoneText;
const KeyTable<ZoneText>& zone_section();

}  // namespace peerzone::config
