// A browser's upload form (S3's POST Object): the form's fields, and its policy document. Pure functions.
// docs: S3 API Reference, "POST Object", "POST policy".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/api/api.h"

namespace adhoc::localcloud::s3 {

// A body that may be too large for memory: up to `length` bytes from `offset`; less only at the end.
using ReadAt = std::function<std::string(std::uint64_t offset, std::uint64_t length)>;

struct PostForm {
  // All that come before the file, their names in lower case, without `file`. Of two with one name, the first.
  std::map<std::string, std::string> fields;
  bool has_file = false;
  std::string file_name;  // as the browser named it, without folders
  std::string file_type;  // its Content-Type, or empty
  std::uint64_t file_offset = 0;
  std::uint64_t file_length = 0;

  std::string Get(const std::string& name) const;  // empty when missing
  bool Has(const std::string& name) const { return fields.contains(name); }
};

// Throws ApiError for what is no well-formed multipart/form-data, or whose fields take more than 20 KB.
PostForm ParsePostForm(std::string_view content_type, const ReadAt& read);

// Checks that the form is what its policy allows. `policy` is the field's text, in base64. Throws ApiError.
void CheckPostPolicy(const std::string& policy, const PostForm& form, const std::string& bucket, const std::string& key,
                     double now);

}  // namespace adhoc::localcloud::s3
