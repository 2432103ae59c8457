// zones: what we answer ourselves. Each zone is built once, so that the errors in its records are
// the configuration's errors.
#include <optional>
#include <utility>
#include <vector>

#include "config/sections.hpp"
#include "peerzone/base/text.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone::config {

// Where the records of a zone come from, for problems without a line of their own.
struct ZoneText {
    std::optional<Value> records;
    std::optional<Value> file;
    std::vector<Value> items;  // of records
};

namespace {

// False when the list is not one of texts: then the zone is not built, for its records would be
// blamed instead.
bool read_records(const std::vector<Value>& items, std::vector<std::string>& out) {
    bool is_complete = true;
    for (const Value& item : items) {
        auto text = item.text();
        is_complete = is_complete && text.has_value();
        out.push_back(std::move(text).value_or(""));
    }
    return is_complete;
}

// Messages repeat words of the zone file, which need not be text.
void add_zone_problem(const ZoneText& text, const zone::Options& options,
                      const zone::Problem& problem, Problem::Kind kind) {
    std::string message = printable(problem.message);
    if (text.file && problem.line > 0) {
        text.file->problems().add_foreign(text.file->mark(),
                                          Problem{options.file, problem.line, 0, text.file->path(),
                                                  std::move(message), "", kind});
        return;
    }
    if (text.file && kind == Problem::Kind::wrong) kind = kind_of_trouble(options.file);
    const bool is_item = problem.line > 0 && problem.line <= text.items.size();
    const Value& place = is_item     ? text.items[problem.line - 1]
                         : text.file ? *text.file
                                     : *text.records;
    place.problem(std::move(message), "", kind);
}

void read_zone(const std::string& origin, const Value& value, const std::string& view,
               std::vector<zone::Options>& out, ConfigBuilder& builder) {
    ZoneText text;
    const Map map = zone_section().read(value, text, builder);
    zone::Options options;
    bool is_complete = true;
    if (const auto name = parse_zone_name(origin)) {
        options.origin = *name;
        builder.zones.push_back(
            {{*name, value.key_mark(), value.path()}, {Claimant::Kind::zone, "", view}});
    } else {
        value.problem_at_key(name.error().message, name.error().hint);
        is_complete = false;
    }
    if (!text.records && !text.file) {
        map.missing("records", "give the zone 'records' or a 'file'");
        return;
    }
    if (text.records && text.file) {
        text.file->problem_at_key("a zone has 'records' or a 'file', not both",
                                  "remove one of them");
        return;
    }
    if (text.records) {
        text.items = text.records->list();
        is_complete = is_complete && text.records->node().kind == TreeNode::Kind::list;
        is_complete = read_records(text.items, options.records) && is_complete;
    } else {
        const auto file = text.file->text();
        if (file && file->empty()) text.file->problem("'' names no file");
        is_complete = is_complete && file && !file->empty();
        if (file) options.file = resolve_path(*file, builder.folder);
        if (is_complete) builder.files.push_back(options.file);
    }
    if (is_complete) {
        const zone::LoadResult loaded = zone::load(options);
        for (const zone::Problem& problem : loaded.problems)
            add_zone_problem(text, options, problem, Problem::Kind::wrong);
        for (const zone::Problem& warning : loaded.warnings)
            add_zone_problem(text, options, warning, Problem::Kind::warning);
    }
    out.push_back(std::move(options));
}

}  // namespace

const KeyTable<ZoneText>& zone_section() {
    static const KeyTable<ZoneText> kTable(
        "zones.*",
        {{.name = "records",
          .read = [](const Value& value, ZoneText& text, ConfigBuilder&) { text.records = value; }},
         {.name = "file",
          .read = [](const Value& value, ZoneText& text, ConfigBuilder&) { text.file = value; }}});
    return kTable;
}

void read_zones(const Value& value, Config& config, ConfigBuilder& builder) {
    read_zone_list(value, "", config.zones, builder);
}

void read_zone_list(const Value& value, const std::string& view, std::vector<zone::Options>& out,
                    ConfigBuilder& builder) {
    for (const auto& [origin, zone] :
         value.named_entries(zone_section(), "a zone", "corp.internal")) {
        if (builder.stop.stop_requested()) return;
        read_zone(origin, zone, view, out, builder);
    }
}

}  // namespace peerzone::config
