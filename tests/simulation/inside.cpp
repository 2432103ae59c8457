#include "simulation/inside.hpp"

// An explicit instantiation may name private members, so the program needs no friend for this.
namespace peerzone::simulation {
namespace {

template <class Tag, auto kMember>
struct Opens {
    friend constexpr auto member(Tag) { return kMember; }
};
struct ResolverTag {
    friend constexpr auto member(ResolverTag);
};
struct AdmissionTag {
    friend constexpr auto member(AdmissionTag);
};
template struct Opens<ResolverTag, &resolver::Resolver::impl_>;
template struct Opens<AdmissionTag, &resolver::Admission::guard_>;

}  // namespace

const resolver::Admission& admission_of(const resolver::Resolver& resolver) {
    return (resolver.*member(ResolverTag()))->admission;
}

const resolver::ClientGuard& guard_of(const resolver::Resolver& resolver) {
    return admission_of(resolver).*member(AdmissionTag());
}

}  // namespace peerzone::simulation
