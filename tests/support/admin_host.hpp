// A host of admin HTTP that records what it was told.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "peerzone/admin/admin.hpp"
#include "unit/metrics/report_support.hpp"

namespace peerzone::testing {

class FakeAdminHost final : public admin::AdminHost {
public:
    bool is_ready = true;
    std::vector<std::string> names = {"westus", "local", "."};
    std::vector<std::string> told;  ///< "hold westus", "flush zone a.test"
    std::size_t dropped = 3;
    bool later = false;                        ///< keeps `done` of a flush
    std::function<void(std::size_t)> pending;  ///< there
    metrics::Counters counters;
    std::size_t padding = 0;  ///< endpoints that make the report larger

    bool ready() const override { return is_ready; }
    std::string_view why_not_ready() const override { return "draining"; }
    metrics::Report report() const override {
        metrics::Report report = metrics::testing::sample(counters);
        for (std::size_t i = 0; i < padding; ++i)
            report.upstreams[0].endpoints.push_back(report.upstreams[0].endpoints[0]);
        return report;
    }
    std::vector<std::string> upstream_names() const override { return names; }
    bool hold(std::string_view upstream, bool held) override {
        told.push_back((held ? "hold " : "release ") + std::string(upstream));
        return told.size() < 2 || told[told.size() - 2] != told.back();
    }
    void flush(const admin::FlushOrder& order, std::function<void(std::size_t)> done) override {
        if (order.name)
            told.push_back((order.below ? "flush zone " : "flush name ") + order.name->to_text());
        else
            told.push_back("flush peer " + order.upstream);
        if (later)
            pending = std::move(done);
        else
            done(dropped);
    }
};

}  // namespace peerzone::testing
