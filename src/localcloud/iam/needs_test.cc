#include "localcloud/iam/needs.h"

#include <gtest/gtest.h>

#include "aws/model/model.h"
#include "localcloud/iam/needs_table.h"
#include "localcloud/operations.h"

namespace adhoc::localcloud::iam {
namespace {

TEST(NeedsTest, EveryRegisteredOperationHasARowAndNoOtherHas) {
  std::set<std::string> rows;
  for (const auto& service : AllServiceRows()) {
    for (const auto& row : service.rows) {
      const std::string name = std::string(service.service) + "." + std::string(row.operation);
      EXPECT_TRUE(rows.insert(name).second) << name << " is there twice";
    }
  }
  for (const Json& one : ListAllOperations()) {
    const std::string name = one["service"].get<std::string>() + "." + one["operation"].get<std::string>();
    EXPECT_EQ(rows.erase(name), 1U) << name << " has no row in needs_table.cc";
  }
  EXPECT_TRUE(rows.empty()) << *rows.begin() << " is no operation of the local cloud";
}

// {Delete.Objects[].Key}: lists are written as such.
std::string FindMember(const aws::Shape* shape, std::string_view path) {
  while (!path.empty()) {
    const auto dot = path.find('.');
    std::string_view name = path.substr(0, dot);
    const bool list = name.ends_with("[]");
    if (list) name.remove_suffix(2);
    const aws::Member* member = shape == nullptr ? nullptr : shape->FindMember(std::string(name));
    if (member == nullptr) return "no member " + std::string(name);
    shape = member->shape;
    if (list != (shape->type == aws::ShapeType::kList))
      return std::string(name) + (list ? " is no list" : " is a list");
    if (list) shape = shape->element.shape;
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return "";
}

TEST(NeedsTest, PatternsNameMembersOfTheRequest) {
  for (const auto& service : AllServiceRows()) {
    for (const auto& row : service.rows) {
      const aws::Operation& operation = aws::GetService(service.service).GetOperation(row.operation);
      for (std::string_view patterns : {row.resources, row.tagged}) {
        while (true) {
          const auto open = patterns.find('{');
          if (open == std::string_view::npos) break;
          const auto close = patterns.find('}', open);
          const auto inside = patterns.substr(open + 1, close - open - 1);
          EXPECT_EQ(FindMember(operation.input, inside.substr(0, inside.find('|'))), "")
              << service.service << "." << row.operation << " {" << inside << "}";
          patterns.remove_prefix(close + 1);
        }
      }
    }
  }
}

}  // namespace
}  // namespace adhoc::localcloud::iam
