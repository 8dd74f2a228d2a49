// The table that tools/embed_models.py writes: the models as text inside the program's read-only data.
#pragma once

#include <cstddef>

namespace adhoc::aws {

struct EmbeddedModel {
  const char* name;
  const char* target_prefix;
  const char* signing_name;
  const char* endpoint_prefix;
  const char* api_version;
  const char* operations;  // their names, each between blanks
  const char* begin;       // a JSON record per line
  const char* end;
};

extern const EmbeddedModel kEmbeddedModels[];
extern const std::size_t kEmbeddedModelCount;

}  // namespace adhoc::aws
