#include "localcloud/scaling/schedule.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr double kDay = 86400;
constexpr int kDaysAhead = 366 * 8;  // a 29th of February comes once in eight years at the least

struct Field {
  const char* name;
  int first;
  int last;
  const char* words;  // three letters each, from `first` on
};
constexpr Field kFields[] = {
    {"minutes", 0, 59, ""},
    {"hours", 0, 23, ""},
    {"day of month", 1, 31, ""},
    {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {"day of week", 1, 7, "SUNMONTUEWEDTHUFRISAT"},
    {"year", 1970, 2199, ""},
};

[[noreturn]] void Refuse(std::string_view text, const std::string& why) {
  throw Error(fmt::format("the schedule {} can't be used: {}", text, why));
}

std::optional<int> WholeNumber(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> Words(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (separator != ' ' || end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

// `1,5`, `MON-FRI`, `0/15`, `*`, `?`.
std::set<int> ParseField(std::string_view text, const Field& field) {
  std::set<int> values;
  if (text == "*" || text == "?") return values;
  const auto value_of = [&](std::string_view word) {
    const std::string_view names = field.words;
    for (std::size_t i = 0; i + 3 <= names.size(); i += 3) {
      if (names.substr(i, 3) == word) return field.first + static_cast<int>(i / 3);
    }
    const auto value = WholeNumber(word);
    if (!value || *value < field.first || *value > field.last) {
      Refuse(text, fmt::format("{} is not between {} and {}, the {}", word, field.first, field.last, field.name));
    }
    return *value;
  };
  for (const std::string_view part : Words(text, ',')) {
    const auto slash = part.find('/');
    const std::string_view range = part.substr(0, slash);
    const auto step = slash == std::string_view::npos ? std::optional<int>(1) : WholeNumber(part.substr(slash + 1));
    if (!step || *step < 1) Refuse(text, fmt::format("{} is no step", part));
    const auto dash = range.find('-');
    int first = field.first;
    int last = field.last;
    if (range != "*") {
      first = value_of(range.substr(0, dash));
      if (dash != std::string_view::npos) {
        last = value_of(range.substr(dash + 1));
      } else if (slash == std::string_view::npos) {
        last = first;
      }
    }
    if (last < first) Refuse(text, "its range runs backwards");
    for (int value = first; value <= last; value += *step) values.insert(value);
  }
  return values;
}

double ParseTime(std::string_view whole, std::string_view text) {
  int parts[6] = {};
  constexpr std::string_view kPattern = "0000-00-00T00:00:00";
  bool good = text.size() == kPattern.size();
  for (std::size_t i = 0, part = 0; good && i < text.size(); ++i) {
    if (kPattern[i] != '0') {
      good = text[i] == kPattern[i];
      ++part;
    } else if (text[i] < '0' || text[i] > '9') {
      good = false;
    } else {
      parts[part] = parts[part] * 10 + (text[i] - '0');
    }
  }
  const year_month_day date{std::chrono::year(parts[0]), std::chrono::month(static_cast<unsigned>(parts[1])),
                            std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!good || !date.ok()) Refuse(whole, "the time is not written as yyyy-mm-ddThh:mm:ss");
  return static_cast<double>(sys_days(date).time_since_epoch().count()) * kDay + parts[3] * 3600 + parts[4] * 60 +
         parts[5];
}

bool Matches(const std::set<int>& field, int value) { return field.empty() || field.contains(value); }

std::optional<double> NextOfCron(const Schedule& schedule, double after) {
  const auto& [minutes, hours, days, months, weekdays, years] = schedule.fields;
  const double from = std::floor(after / 60) * 60 + 60;
  const auto first_day = static_cast<int>(std::floor(from / kDay));
  for (int day = first_day; day < first_day + kDaysAhead; ++day) {
    const sys_days midnight{std::chrono::days(day)};
    const year_month_day date(midnight);
    const int weekday = static_cast<int>(std::chrono::weekday(midnight).c_encoding()) + 1;
    if (!Matches(years, int(date.year())) || !Matches(months, static_cast<int>(unsigned(date.month()))) ||
        !Matches(days, static_cast<int>(unsigned(date.day()))) || !Matches(weekdays, weekday)) {
      continue;
    }
    for (int minute = 0; minute < 24 * 60; ++minute) {
      const double time = day * kDay + minute * 60;
      if (time >= from && Matches(hours, minute / 60) && Matches(minutes, minute % 60)) return time;
    }
  }
  return std::nullopt;
}

}  // namespace

Schedule ParseSchedule(std::string_view text) {
  const auto open = text.find('(');
  if (open == std::string_view::npos || !text.ends_with(')')) {
    Refuse(text, "it is neither at(…), rate(…) nor cron(…)");
  }
  const std::string_view kind = text.substr(0, open);
  const std::string_view inner = text.substr(open + 1, text.size() - open - 2);
  if (kind == "at") return {.kind = Schedule::Kind::kAt, .at = ParseTime(text, inner)};
  const auto words = Words(inner, ' ');
  if (kind == "rate") {
    const auto value = words.size() == 2 ? WholeNumber(words[0]) : std::nullopt;
    double unit = 0;
    if (words.size() == 2 && words[1].starts_with("minute")) unit = 60;
    if (words.size() == 2 && words[1].starts_with("hour")) unit = 3600;
    if (words.size() == 2 && words[1].starts_with("day")) unit = kDay;
    if (!value || *value < 1 || unit == 0) Refuse(text, "a rate is a number of minutes, hours or days");
    return {.kind = Schedule::Kind::kRate, .interval = *value * unit};
  }
  if (kind != "cron") Refuse(text, "it is neither at(…), rate(…) nor cron(…)");
  if (words.size() != 6) Refuse(text, "cron has six fields: minutes, hours, day of month, month, day of week, year");
  Schedule schedule{.kind = Schedule::Kind::kCron};
  for (std::size_t i = 0; i < words.size(); ++i) schedule.fields[i] = ParseField(words[i], kFields[i]);
  return schedule;
}

std::optional<double> NextTime(const Schedule& schedule, double after, double start) {
  switch (schedule.kind) {
    case Schedule::Kind::kAt:
      return schedule.at > after ? std::optional(schedule.at) : std::nullopt;
    case Schedule::Kind::kRate: {
      if (after < start) return start;
      return start + (std::floor((after - start) / schedule.interval) + 1) * schedule.interval;
    }
    case Schedule::Kind::kCron:
      return NextOfCron(schedule, after);
  }
  return std::nullopt;
}

}  // namespace adhoc::localcloud
