// One place for a key: its name, how it is read, and what is said when it is left out. The default
// is the field of the Options struct that the reader leaves alone.
#pragma once

#include <cassert>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/builder.hpp"
#include "config/keys.hpp"
#include "config/reader.hpp"

namespace peerzone::config {

/// A key of a mapping that is read into a `Target`.
template <class Target>
struct Key {
    std::string_view name;
    std::function<void(const Value&, Target&, ConfigBuilder&)> read;
    /// Not empty: the key is required, and this is the hint when it is missing.
    std::string_view missing_hint = {};
    /// Nothing or {} behind the key is a warning, and then as if the key were absent.
    bool may_be_empty = false;
    /// Read before the others, which depend on it.
    bool first = false;
};

/// All keys of one mapping, in the order in which hints list them.
template <class Target>
class KeyTable : public Section {
public:
    KeyTable(std::string_view section_path, std::vector<Key<Target>> table,
             std::vector<std::string_view> planned_keys = {})
        : Section{section_path, {}, std::move(planned_keys)}, table_(std::move(table)) {
        for (const Key<Target>& key : table_) {
            assert(key.read != nullptr);
            keys.push_back(key.name);
        }
    }

    /// Reads every key that is there; what is wrong with one does not keep the others from being
    /// read. Gives the mapping, for what concerns several keys.
    Map read(const Value& value, Target& target, ConfigBuilder& builder) const {
        Map map(value, *this);
        for (const bool first : {true, false})
            for (const Key<Target>& key : table_)
                if (key.first == first) read_key(map, key, target, builder);
        return map;
    }

private:
    static void read_key(const Map& map, const Key<Target>& key, Target& target,
                         ConfigBuilder& builder) {
        const Value* value = map.get(key.name);
        if (value == nullptr) {
            if (!key.missing_hint.empty()) map.missing(key.name, std::string(key.missing_hint));
            return;
        }
        if (key.may_be_empty && value->is_left_out()) return;
        key.read(*value, target, builder);
    }

    std::vector<Key<Target>> table_;
};

/// A reader that sets one field to what `parse` makes of the text.
template <class Field, class Parse>
auto field(Field member, Parse parse) {
    return [member, parse](const Value& value, auto& target, ConfigBuilder&) {
        value.read(target.*member, parse);
    };
}

/// The one that belongs to a kind of upstream.
template <class T>
const T& of_kind(upstream::Kind kind, const T& peer, const T& local, const T& forward) {
    return kind == upstream::Kind::peer ? peer : kind == upstream::Kind::local ? local : forward;
}

inline auto count_within(std::size_t min, std::size_t max) {
    return [min, max](std::string_view text) { return parse_count(text, min, max); };
}
inline auto size_within(std::size_t min, std::size_t max) {
    return [min, max](std::string_view text) { return parse_size(text, min, max); };
}
inline auto seconds_within(Seconds min, Seconds max) {
    return [min, max](std::string_view text) { return parse_seconds(text, min, max); };
}
inline auto duration_within(Millis min, Millis max) {
    return [min, max](std::string_view text) { return parse_duration(text, min, max); };
}

}  // namespace peerzone::config
