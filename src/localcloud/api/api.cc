#include "localcloud/api/api.h"

namespace adhoc::localcloud {
namespace {

std::string Key(std::string_view service, std::string_view operation) {
  return std::string(service) + "." + std::string(operation);
}

template <typename Map>
const typename Map::mapped_type* FindIn(const Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

void Api::On(std::string_view service, std::string_view operation, Handler handler, Effect effect) {
  // Parsing the models of all services here would cost most of the start-up time.
  if (!aws::HasOperation(service, operation)) throw Error(Key(service, operation) + " is not embedded");
  if (!handlers_.emplace(Key(service, operation), std::move(handler)).second) {
    throw Error(Key(service, operation) + " is registered twice");
  }
  operations_[std::string(service)][std::string(operation)] = effect;
}

void Api::SetPrepare(std::string_view service, std::string_view operation, Prepare prepare) {
  if (Find(service, operation) == nullptr) throw Error(Key(service, operation) + " has no handler to prepare for");
  prepares_.insert_or_assign(Key(service, operation), std::move(prepare));
}

const Handler* Api::Find(std::string_view service, std::string_view operation) const {
  return FindIn(handlers_, Key(service, operation));
}

const Prepare* Api::FindPrepare(std::string_view service, std::string_view operation) const {
  return FindIn(prepares_, Key(service, operation));
}

std::string Cloud::Arn(std::string_view service, std::string_view resource) const {
  return "arn:aws:" + std::string(service) + ":" + settings.region + ":" + settings.account + ":" +
         std::string(resource);
}

std::string Cloud::GlobalArn(std::string_view service, std::string_view resource) const {
  return "arn:aws:" + std::string(service) + "::" + settings.account + ":" + std::string(resource);
}

}  // namespace adhoc::localcloud
