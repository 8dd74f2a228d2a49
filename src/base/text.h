// Small text functions. Thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc {

// The offset of the first byte that is not part of well-formed UTF-8 (overlong forms, surrogates and values above
// U+10FFFF are not), or nothing.
std::optional<std::size_t> FindInvalidUtf8(std::string_view text);
// Appends the UTF-8 form; false when `code_point` is a surrogate or above U+10FFFF.
bool AppendUtf8(std::string& text, char32_t code_point);
// The number of code points, for well-formed text; stray bytes count one each.
std::size_t CountCodePoints(std::string_view text);

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t EditDistance(std::string_view a, std::string_view b);
// The candidate that a person who wrote `word` most likely meant, or empty when none is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);
// "did you mean `x`?", or "use one of: a, b, c" when none is near; empty without candidates.
std::string Suggest(std::string_view word, const std::vector<std::string>& candidates);

// "a, b, c"
std::string Join(const std::vector<std::string>& items, std::string_view separator = ", ");

}  // namespace adhoc
