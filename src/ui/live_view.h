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
// `create` → `created`
std::string PastTense(std::string_view action);

}  // namespace adhoc::ui
