#include "net/http_date.h"

#include <fmt/chrono.h>

#include <array>
#include <ctime>

#include "base/utc.h"

namespace adhoc::net {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<int> Digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::string FormatHttpDate(TimePoint time) {
  const std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(time));
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", utc);
}

std::optional<TimePoint> ParseHttpDate(std::string_view text) {
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" || text[19] != ':' ||
      text[22] != ':') {
    return std::nullopt;
  }
  std::tm utc{};
  const std::string_view month = text.substr(8, 3);
  utc.tm_mon = -1;
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (kMonths[i] == month) utc.tm_mon = static_cast<int>(i);
  }
  const auto day = Digits(text.substr(5, 2));
  const auto year = Digits(text.substr(12, 4));
  const auto hour = Digits(text.substr(17, 2));
  const auto minute = Digits(text.substr(20, 2));
  const auto second = Digits(text.substr(23, 2));
  if (utc.tm_mon < 0 || !day || !year || !hour || !minute || !second) return std::nullopt;
  utc.tm_mday = *day;
  utc.tm_year = *year - 1900;
  utc.tm_hour = *hour;
  utc.tm_min = *minute;
  utc.tm_sec = *second;
  return FromUtc(utc);
}

}  // namespace adhoc::net
