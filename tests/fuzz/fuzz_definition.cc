// Any bytes: the reader of definitions ends, and can render every mistake; a definition without mistakes resolves
// without a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "config/resolve.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  adhoc::Diagnostics diagnostics;
  const auto definition = adhoc::config::ParseDefinition(adhoc::SourceText::FromText("fuzz.yaml", text), diagnostics);
  if (adhoc::FindInvalidUtf8(diagnostics.Render())) std::abort();
  if (!definition || diagnostics.HasErrors()) return 0;
  adhoc::Diagnostics resolving;
  const auto& target = definition->GetTarget("");
  const auto variables = adhoc::config::BindVariables(*definition, target, {}, {}, "fuzz.tfvars", resolving);
  const adhoc::config::Config config = adhoc::config::Resolve(*definition, target, "fuzz", variables, resolving);
  for (const auto& service : config.services) {
    for (const auto& [name, value] : service.environment) (void)value.ToString();
  }
  (void)resolving.Render();
  return 0;
}
