// A text with references, such as `postgres://${database.host}:5432`. Variables and what else is known when the
// definition is loaded are already part of the literals; what remains refers to resources, which the engine resolves
// once it has made them. Values.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/diagnostics.h"

namespace adhoc::config {

// A use of something that exists only once the environment does.
struct Reference {
  enum class Kind {
    kDatabaseHost,      // ${database.host}
    kDatabasePort,      // ${database.port}
    kDatabaseName,      // ${database.name}
    kDatabaseUser,      // ${database.user}
    kDatabasePassword,  // ${database.password}: only in `secrets:`
    kServiceAddress,    // ${redis.address}: the host name of a discoverable service; `name` is the service
    kBucketName,        // ${bucket.name}
    kBucketUrl,         // ${bucket.url}: where the bucket's public objects are read
    kImage,             // ${image.backend}: repository and tag; `name` is the entry of `images:`
    kSecret,            // ${secrets.X}: only in `secrets:`; `name` is the entry of the top-level `secrets:`
  };

  Kind kind = Kind::kDatabaseHost;
  std::string name;  // see kind; empty where the kind says all
  Range range;

  // As written: `${redis.address}`.
  std::string ToString() const;
  // The place does not count.
  bool operator==(const Reference& other) const { return kind == other.kind && name == other.name; }
};

class Template {
 public:
  using Part = std::variant<std::string, Reference>;

  Template() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is a template.
  Template(std::string literal);
  explicit Template(std::vector<Part> parts);

  const std::vector<Part>& parts() const { return parts_; }
  std::vector<Reference> References() const;
  bool IsLiteral() const;
  // The text, with references as written.
  std::string ToString() const;
  // Asks `lookup` for each reference. What it throws passes through.
  std::string Resolve(const std::function<std::string(const Reference&)>& lookup) const;

  bool operator==(const Template&) const = default;

 private:
  std::vector<Part> parts_;  // no two literals in a row, none empty
};

}  // namespace adhoc::config
