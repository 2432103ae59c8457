// A zone's source: the `records` of the configuration, or a file as RFC 1035 5 has it.
#include <algorithm>
#include <optional>

#include "peerzone/base/file.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone::zone {
namespace {

constexpr std::string_view kBlanks = " \t\r";

bool starts_blank(std::string_view entry) noexcept {
    return kBlanks.find(entry.front()) != kBlanks.npos;
}

// A line with nothing but blanks and a comment.
bool is_empty(std::string_view entry) noexcept {
    const std::size_t at = entry.find_first_not_of(kBlanks);
    return at == entry.npos || entry[at] == ';' || entry[at] == '\n';
}

// The words of a directive's line, comment left out.
std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> result;
    constexpr std::string_view kEnds = " \t\r\n;";
    for (std::size_t at = 0; at < line.size() && line[at] != ';';) {
        const std::size_t end = std::min(line.find_first_of(kEnds, at), line.size());
        if (end > at) result.push_back(line.substr(at, end - at));
        at = end == line.size() || line[end] == ';' ? end : end + 1;
    }
    return result;
}

// Line 0 ("and 7 more") stays the last.
void sort_by_line(std::vector<Problem>& problems) {
    std::ranges::stable_sort(problems, {}, [](const Problem& p) { return p.line - 1; });
}

class Loader {
public:
    explicit Loader(const Options& options)
        : options_(options), builder_(options.origin), origin_(options.origin) {}

    LoadResult run() && {
        if (!options_.file.empty() && !options_.records.empty())
            report(0, "a zone has records or a file, not both");
        else if (!options_.file.empty())
            load_file();
        else
            load_records();
        return std::move(*this).finish();
    }

private:
    void load_records() {
        for (std::size_t i = 0; i < options_.records.size(); ++i) {
            const auto record = dns::parse_record(options_.records[i], origin_, kDefaultTtl);
            record ? add(*record, i + 1) : report(i + 1, record.error().message);
        }
    }

    void load_file() {
        const Result<std::string> content = read_file(options_.file, kFileBytesMax);
        if (!content)
            return report(0, "cannot read " + options_.file + ": " + content.error().message);
        std::string_view text = *content;
        constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
        if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
        for (std::size_t line = 1; !text.empty();) {
            const std::string_view entry = text.substr(0, dns::entry_size(text));
            if (entry.front() == '$')
                load_directive(entry, line);
            else if (!is_empty(entry))
                load_entry(entry, line);
            line += static_cast<std::size_t>(std::count(entry.begin(), entry.end(), '\n'));
            text.remove_prefix(entry.size());
        }
        if (!has_entries_ && problems_.empty()) report(0, options_.file + " has no records");
    }

    void load_entry(std::string_view entry, std::size_t line) {
        const bool inherits = starts_blank(entry);
        if (inherits && !has_entries_)
            report(line,
                   "the line begins with a blank, and there is no name before it to go on with");
        has_entries_ = true;
        const dns::Name* previous = previous_ ? &*previous_ : &origin_;
        const auto record = dns::parse_record(entry, origin_, ttl_, previous);
        if (record) {
            // A TTL left out is the last one stated, unless there is a $TTL (RFC 1035 5.1, RFC 2308
            // 4).
            if (!has_ttl_directive_) ttl_ = record->ttl;
            // Without a name to go on with the line is checked only: what it would clash with is
            // not known.
            if (!inherits || previous_) add(*record, line);
            if (!inherits) previous_ = record->owner;
        } else {
            report(line, record.error().message);
            if (!inherits) previous_.reset();
        }
    }

    void load_directive(std::string_view entry, std::size_t line) {
        const std::vector<std::string_view> parts = words(entry);
        std::string name{parts.front()};
        for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        if (name == "$INCLUDE")
            return report(line, "$INCLUDE is not supported: a zone is one file");
        if (name == "$GENERATE")
            return report(line, "$GENERATE is not supported: write its records one by one");
        if (name != "$ORIGIN" && name != "$TTL")
            return report(line, "unknown directive '" + std::string(parts.front()) + "'");
        if (parts.size() != 2) return report(line, name + " takes one value");
        if (name == "$TTL") {
            const Result<std::uint32_t> ttl = dns::parse_ttl(parts[1]);
            ttl ? void(ttl_ = *ttl) : report(line, "$TTL: " + ttl.error().message);
            has_ttl_directive_ = true;
        } else {
            set_origin(parts[1], line);
        }
    }

    void set_origin(std::string_view text, std::size_t line) {
        if (text == "@") return;
        const Result<dns::Name> name = dns::Name::from_text(text);
        if (!name) return report(line, "$ORIGIN: " + name.error().message);
        const bool is_absolute = text.ends_with('.') && !text.ends_with("\\.");
        const auto whole = is_absolute ? *name : name->with_suffix(dns::Name{}, origin_);
        whole ? void(origin_ = *whole)
              : report(line, "$ORIGIN: the name is longer than 255 octets");
    }

    void add(const dns::ResourceRecord& record, std::size_t line) {
        if (const Result<void> added = builder_.add(record, line); !added)
            report(line, added.error().message);
    }

    void report(std::size_t line, std::string message) {
        if (problems_.size() < kProblemsMax)
            problems_.push_back({line, std::move(message)});
        else
            ++unreported_;
    }

    LoadResult finish() && {
        LoadResult result;
        result.warnings = builder_.warnings();
        sort_by_line(result.warnings);
        if (problems_.empty()) {
            Result<Zone> zone = std::move(builder_).build();
            if (zone)
                result.zone = std::make_unique<Zone>(std::move(*zone));
            else
                report(0, zone.error().message);
        }
        sort_by_line(problems_);
        if (unreported_ != 0)
            problems_.back() = {0, "and " + std::to_string(unreported_ + 1) + " more problems"};
        result.problems = std::move(problems_);
        return result;
    }

    const Options& options_;
    Builder builder_;
    dns::Name origin_;                 // as $ORIGIN last said
    std::uint32_t ttl_ = kDefaultTtl;  // of a record that states none
    bool has_ttl_directive_ = false;
    std::optional<dns::Name>
        previous_;  // owner of the last record; nothing when that could not be read
    bool has_entries_ = false;
    std::vector<Problem> problems_;
    std::size_t unreported_ = 0;
};

}  // namespace

LoadResult load(const Options& options) {
    return Loader(options).run();
}

}  // namespace peerzone::zone
