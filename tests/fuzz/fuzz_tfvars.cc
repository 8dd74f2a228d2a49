// Any bytes: the reader of .tfvars files ends, keeps its promises about what it returns, and can render every mistake.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "config/tfvars.h"

namespace {

void Check(bool promise) {
  if (!promise) std::abort();
}

void CheckValue(const adhoc::config::Value& value, std::size_t size) {
  Check(value.range.begin.offset <= value.range.end.offset && value.range.end.offset <= size);
  for (const auto& item : value.list) CheckValue(item, size);
  for (const auto& item : value.object) CheckValue(item.value, size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  adhoc::Diagnostics diagnostics;
  const adhoc::config::Variables variables =
      adhoc::config::ParseTfvars(adhoc::SourceText::FromText("fuzz.tfvars", text), diagnostics);
  const std::string rendered = diagnostics.Render();
  Check(diagnostics.HasErrors() == !rendered.empty());
  Check(!adhoc::FindInvalidUtf8(rendered));
  for (const auto& item : diagnostics.items()) Check(item.range.begin.offset <= size);
  for (const auto& assignment : variables.assignments) {
    if (!assignment.broken) CheckValue(assignment.value, size);
  }
  // What is free of mistakes is well-formed through and through.
  if (!diagnostics.HasErrors()) Check(!variables.ToJson().dump().empty());
  return 0;
}
