// Which IAM action each operation needs, and on what: a row per operation, after AWS's Service Authorization Reference.
// Where that reference knows no resource for an action, its policies have to say *, and so does the row.
#pragma once

#include <span>
#include <string_view>

namespace adhoc::localcloud::iam {

// A pattern of resources is what follows the service's part of the ARN:
//
//   {Member}            the request's member; of a list, e.g. {Names[]} or {Items[].Key}, each element. An ARN stays as
//   it is
//                       when it stands last, and gives its last word before that. Without the member there is no
//                       resource.
//   {Member|otherwise}  the same, with a default
//   @function           see needs.cc
struct Row {
  std::string_view operation;
  std::string_view resources = "*";  // patterns with blanks between them; all have to be allowed. Empty: anybody may
  std::string_view tagged = "";      // what gets the request's tags, which takes the service's tagging action
  std::string_view action = "";      // when it is not called as the operation
};

struct ServiceRows {
  std::string_view service;     // botocore's name
  std::string_view prefix;      // of its actions
  std::string_view arn;         // of its resources, with {region} and {account}
  std::string_view tag_action;  // * stands for what is created: TagRole for CreateRole
  std::span<const Row> rows;
};

std::span<const ServiceRows> AllServiceRows();

}  // namespace adhoc::localcloud::iam
