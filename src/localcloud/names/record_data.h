// Values of records as Route 53 takes them (its Developer Guide, "Supported DNS record types"), as they go over the
// wire. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace adhoc::localcloud {

// Nothing for a type that is kept and not answered (DS, …).
std::optional<std::uint16_t> RecordType(std::string_view name);
// Nothing when it is no value of that type.
std::optional<std::string> RecordData(std::uint16_t type, std::string_view value);

}  // namespace adhoc::localcloud
