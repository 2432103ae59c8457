#include "peerzone/app/explain.hpp"

#include <boost/asio/io_context.hpp>

#include "app/snapshot_builder.hpp"
#include "peerzone/resolver/resolver.hpp"

namespace peerzone::app {

Result<resolver::Explanation> explain(const config::Config& config,
                                      const resolver::ExplainRequest& request) {
    SnapshotBuilder builder;
    if (const auto files = builder.load_files(config); !files) return files.error();
    boost::asio::io_context io{1};  // never run
    metrics::Counters counters;
    Cork cork;
    cache::Cache cache(config.cache);
    upstream::Client client(io, cork, counters, {});
    resolver::Resolver resolver(cache, client, counters);
    resolver.publish(builder.build(config, {}));
    return resolver.explain(request, Clock::now());
}

}  // namespace peerzone::app
