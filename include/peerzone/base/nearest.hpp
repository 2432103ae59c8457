// What was probably meant by a word that is not known. Pure; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace peerzone {

/// The candidate that differs from `word`, in whatever case, by the fewest edits; empty when none
/// is near. Candidates are in lower case; longer words than kWordMax are not compared.
/// Allocates nothing.
inline constexpr std::size_t kWordMax = 64;
std::string_view nearest(std::string_view word,
                         std::span<const std::string_view> candidates) noexcept;

/// "did you mean 'x'?", or nothing for nothing.
std::string did_you_mean(std::string_view word);

}  // namespace peerzone
