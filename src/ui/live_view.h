// The view for a person at a terminal: what has ended scrolls by, what runs is redrawn below it, with its time.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "events/events.h"

namespace adhoc::ui {

std::unique_ptr<events::Sink> MakeLiveView(std::FILE* out);

// One event as one line (or more, with a hint); empty for those that only a live view shows.
std::string DescribeEvent(const events::Event& event, bool colour);
// A step that runs, as a line: `create service alpha-web  12 s of about 1 min 15 s  0/1 running for 8 s`.
std::string DescribeRunning(std::string_view what, double seconds, double expected_seconds, std::string_view message,
                            double message_seconds);
// `create` → `created`
std::string PastTense(std::string_view action);

}  // namespace adhoc::ui
