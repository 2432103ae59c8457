// RFC 1034 4.3.2, steps 2 to 6, for one zone: walk down to the name, step aside for cuts, DNAMEs
// and wildcards, follow aliases.
#include <optional>

#include "peerzone/zone/zone.hpp"
#include "zone/data.hpp"

namespace peerzone::zone {
namespace {

using dns::Section;

class Walk {
public:
    Walk(const ZoneData& zone, const dns::Name& name, std::uint16_t type, std::uint32_t rotation,
         dns::BodyWriter& writer, const NamesOwnedElsewhere* elsewhere) noexcept
        : zone_(zone),
          current_(name),
          type_(type),
          rotation_(rotation),
          writer_(writer),
          elsewhere_(elsewhere) {}

    LookupResult run() noexcept {
        while (step()) {
        }
        return result_;
    }

private:
    // One name of the alias chain; true when the chain goes on within the zone.
    bool step() noexcept {
        const Path path(current_, zone_.origin);
        const Position position = zone_.locate(path);
        if (position.cover != 0) {
            const NodeView cover = zone_.node(position.cover);
            if (!cover.head.is_cut) return redirect(path, cover);
            // The DS of a cut is the parent's to answer (RFC 4035 3.1.4.1).
            if (type_ != type::ds || position.exact != position.cover) return refer(path, cover);
        }
        const Place place =
            position.exact != 0 ? position.exact : zone_.node(position.encloser).head.wildcard;
        return place != 0 ? answer(zone_.node(place)) : deny(Outcome::nxdomain);
    }

    bool answer(const NodeView& node) noexcept {
        const SetView set = type_ == type::any ? node.first() : node.find(type_);
        if (set) {
            put_set(Section::answer, current_.wire(), set);
            put_additional(set);
            return end(Outcome::answered);
        }
        if (const SetView alias = node.find(type::cname)) {
            if (result_.links == kChainMax) return end(Outcome::broken);
            put_set(Section::answer, current_.wire(), alias);
            std::size_t cursor = alias.begin();
            return follow(dns::Name::from_checked(alias.next(cursor).rdata));
        }
        return deny(Outcome::nodata);
    }

    // Below a DNAME: the DNAME and the CNAME it stands for (RFC 6672 3.1).
    bool redirect(const Path& path, const NodeView& node) noexcept {
        if (result_.links == kChainMax) return end(Outcome::broken);
        const SetView set = node.find(type::dname);
        const Bytes owner = current_.wire().subspan(path.start(node.head.depth));
        std::size_t cursor = set.begin();
        const Bytes rdata = set.next(cursor).rdata;
        const std::optional<dns::Name> target =
            current_.with_suffix(dns::Name::from_checked(owner), dns::Name::from_checked(rdata));
        writer_.add(Section::answer, owner, type::dname, set.head.ttl, rdata);
        if (!target) return end(Outcome::overlong);
        writer_.add(Section::answer, current_.wire(), type::cname, set.head.ttl, target->wire());
        if (type_ == type::cname || type_ == type::any) {
            ++result_.links;
            return end(Outcome::answered);
        }
        return follow(*target);
    }

    bool follow(const dns::Name& target) noexcept {
        ++result_.links;
        const bool ours = elsewhere_ == nullptr || !elsewhere_->owns(target);
        if (ours && target.is_under(zone_.origin)) {
            current_ = target;
            return true;
        }
        result_.target = target;
        return end(Outcome::chain);
    }

    bool refer(const Path& path, const NodeView& cut) noexcept {
        const Bytes owner = current_.wire().subspan(path.start(cut.head.depth));
        const SetView set = cut.find(type::ns);
        put_set(Section::authority, owner, set);
        // Without its glue a referral is no use: what does not fit must be asked for over TCP (RFC
        // 9471 2.1).
        if (!put_additional(set)) writer_.mark_truncated();
        result_.target = dns::Name::from_checked(owner);
        return end(Outcome::delegation);
    }

    bool deny(Outcome outcome) noexcept {
        const SetView soa = zone_.node(zone_.apex).find(type::soa);
        std::size_t cursor = soa.begin();
        writer_.add(Section::authority, zone_.origin.wire(), type::soa, zone_.negative_ttl,
                    soa.next(cursor).rdata);
        return end(outcome);
    }

    bool end(Outcome outcome) noexcept {
        result_.outcome = outcome;
        return false;
    }

    // False when a record did not fit.
    bool put_set(Section section, Bytes owner, const SetView& set) noexcept {
        const SetHead& head = set.head;
        const bool turns = head.type == type::a || head.type == type::aaaa;
        const std::uint32_t first = turns ? rotation_ % head.count : 0;
        std::size_t cursor = set.begin();
        if (turns) cursor += first * (sizeof(std::uint16_t) + (head.type == type::a ? 4u : 16u));
        for (std::uint32_t i = 0; i < head.count; ++i) {
            if (i != 0 && i == head.count - first) cursor = set.begin();
            if (!writer_.add(section, owner, head.type, head.ttl, set.next(cursor).rdata))
                return false;
        }
        return true;
    }

    // The addresses of the hosts that the records name, as far as they are in this zone and fit.
    // False when one did not fit.
    bool put_additional(const SetView& set) noexcept {
        if (!has_target(set.head.type) || writer_.info().truncated) return true;
        std::size_t cursor = set.begin();
        for (std::uint32_t i = 0; i < set.head.count; ++i) {
            const RecordView record = set.next(cursor);
            if (record.target == 0) continue;
            const NodeView host = zone_.node(record.target);
            const Bytes name = record.rdata.subspan(target_offset(set.head.type));
            for (const std::uint16_t address : {type::a, type::aaaa})
                if (const SetView found = host.find(address))
                    if (!put_set(Section::additional, name, found)) return false;
        }
        return true;
    }

    const ZoneData& zone_;
    dns::Name current_;  // where the chain has come to
    std::uint16_t type_;
    std::uint32_t rotation_;
    dns::BodyWriter& writer_;
    const NamesOwnedElsewhere* elsewhere_;
    LookupResult result_;
};

}  // namespace

Zone::Zone(std::unique_ptr<ZoneData> data) noexcept : data_(std::move(data)) {}
Zone::Zone(Zone&&) noexcept = default;
Zone& Zone::operator=(Zone&&) noexcept = default;
Zone::~Zone() = default;

const dns::Name& Zone::origin() const noexcept {
    return data_->origin;
}
std::size_t Zone::record_count() const noexcept {
    return data_->record_count;
}

bool Zone::delegates(const dns::Name& name) const noexcept {
    if (!name.is_under(data_->origin)) return false;
    const Position position = data_->locate(Path(name, data_->origin));
    return position.exact != 0 && position.cover == position.exact;
}

LookupResult Zone::lookup(const dns::Name& name, std::uint16_t type, std::uint32_t rotation,
                          dns::BodyWriter& writer,
                          const NamesOwnedElsewhere* elsewhere) const noexcept {
    if (!name.is_under(data_->origin))
        return {.outcome = Outcome::broken, .target = {}, .links = 0};
    return Walk(*data_, name, type, rotation, writer, elsewhere).run();
}

}  // namespace peerzone::zone
