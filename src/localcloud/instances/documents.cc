#include "localcloud/instances/documents.h"

#include "base/error.h"

namespace adhoc::localcloud::ec2 {
namespace {

struct State {
  std::string_view name;
  int code;
};
constexpr State kStates[] = {{"pending", 0},     {"running", 16},  {"shutting-down", 32},
                             {"terminated", 48}, {"stopping", 64}, {"stopped", 80}};

}  // namespace

std::string StateOf(const Json& instance) { return instance.at("State").at("Name").get<std::string>(); }

Json StateDocument(std::string_view name) {
  for (const auto& state : kStates) {
    if (state.name == name) return {{"Code", state.code}, {"Name", state.name}};
  }
  throw Error("no state of an instance: " + std::string(name));
}

void SetState(Json& instance, std::string_view name) { instance["State"] = StateDocument(name); }

}  // namespace adhoc::localcloud::ec2
