// Reads `<name>.tfvars`: the values of HCL as Terraform reads them in variable files. Assignments at the top level;
// strings with escapes, heredocs, numbers, booleans, null, lists, objects, comments. Interpolation and expressions are
// refused, as Terraform does. Every mistake is reported with its place; after one, reading goes on at the next line
// that can start an assignment. Safe on hostile input: depth and size are limited, and nothing is evaluated.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "base/json.h"

namespace adhoc::config {

struct Value;

struct ObjectItem;

struct Value {
  enum class Kind { kNull, kBool, kNumber, kString, kList, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  Json number;  // an integer where it is written as one and fits 64 bits, else a double
  std::string string;
  std::vector<Value> list;
  std::vector<ObjectItem> object;  // in the order of the file; keys are unique
  Range range;

  // Loses the ranges; null is JSON null.
  Json ToJson() const;
};

struct ObjectItem {
  std::string key;
  Range key_range;
  Value value;
};

// "a string", "a list": for messages that say what was found.
std::string_view Describe(Value::Kind kind);

struct Assignment {
  std::string name;
  Range name_range;
  Value value;
  bool broken = false;  // the value has a mistake, which is reported already
};

struct Variables {
  std::vector<Assignment> assignments;  // in the order of the file; names are unique

  const Assignment* Find(std::string_view name) const;
  Json ToJson() const;
};

struct TfvarsLimits {
  int depth = 64;                            // of lists and objects in each other
  std::size_t bytes = std::size_t{1} << 20;  // of the whole file
};

// Returns what could be read, even when there are mistakes: look at `diagnostics` before you use it.
Variables ParseTfvars(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics,
                      const TfvarsLimits& limits = {});

}  // namespace adhoc::config
