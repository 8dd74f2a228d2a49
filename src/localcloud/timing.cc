#include "localcloud/timing.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

constexpr double kMaxFactor = 100;

}  // namespace

const std::vector<SlowThing>& SlowThings() {
  // A task from its start to its registration as a target takes 29 to 40 s in recorded service events (an image of
  // some hundred MB); how that divides into states is an estimate. Terraform's logs say how long it polled until the
  // thing was there or gone, which is up to 10 s more than it took.
  static const std::vector<SlowThing> kThings = {
      {Slow::kTaskProvisioning, "task, PROVISIONING", 10, "recorded service events: 29-40 s in all"},
      {Slow::kTaskPending, "task, PENDING", 5, "recorded service events: 29-40 s in all"},
      {Slow::kTaskActivating, "task, image pull", 15, "recorded service events: 29-40 s in all"},
      {Slow::kTaskDeprovisioning, "task, DEPROVISIONING", 16, "recorded task states of a retirement"},
      {Slow::kTargetRegistration, "target, registration", 2, "recorded service events: healthy 1-2 s later"},
      {Slow::kLoadBalancerCreate, "load balancer, create", 155, "Terraform's logs: 135-190 s"},
      {Slow::kLoadBalancerDelete, "load balancer, its interfaces after delete", 60, "estimate: some minutes at most"},
      {Slow::kNatGatewayCreate, "NAT gateway, create", 115, "Terraform's logs: 84-121 s"},
      {Slow::kNatGatewayDelete, "NAT gateway, delete", 60, "Terraform's logs: 42-61 s"},
      {Slow::kDatabaseCreate, "DB instance, create", 300, "Terraform's logs: 302-512 s with the backup"},
      {Slow::kDatabaseBackup, "DB instance, first backup", 120, "Terraform's logs: 302-512 s with the creation"},
      {Slow::kDatabaseModify, "DB instance, modify", 300, "estimate: a restart on another host"},
      {Slow::kDatabasePassword, "DB instance, password", 30, "estimate"},
      {Slow::kDatabaseReboot, "DB instance, reboot", 60, "estimate"},
      {Slow::kDatabaseStart, "DB instance, start", 240, "estimate: as create without the first backup"},
      {Slow::kDatabaseStop, "DB instance, stop", 180, "estimate"},
      {Slow::kDatabaseDelete, "DB instance, delete", 200, "Terraform's logs: 195-285 s"},
      {Slow::kNamespaceChange, "Cloud Map namespace", 44, "Terraform's logs: 44 s"},
      {Slow::kDiscoveryChange, "Cloud Map instance or service", 5, "estimate"},
      {Slow::kRecordChange, "Route 53 change, INSYNC", 35,
       "Route 53's guide: generally within 60 s; Terraform's logs: 55 s"},
      {Slow::kInstanceStart, "EC2 instance, until running", 12, "Terraform's logs: 12-25 s"},
      {Slow::kInstanceChecks, "EC2 instance, status checks", 120, "estimate"},
      {Slow::kInstanceStop, "EC2 instance, stop", 40, "estimate: as terminate"},
      {Slow::kInstanceTerminate, "EC2 instance, terminate", 35, "Terraform's logs: 20-62 s"},
  };
  return kThings;
}

double Timing::Seconds(Slow what, double at_once) const {
  if (factor == 0) return at_once;
  return factor * SlowThings()[static_cast<std::size_t>(what)].seconds;
}

std::string Timing::ToString() const {
  if (factor == 0) return "instant";
  return factor == 1 ? "aws" : fmt::format("aws:{}", factor);
}

Timing ParseTiming(std::string_view text) {
  if (text == "instant") return {};
  if (text == "aws") return {.factor = 1};
  constexpr std::string_view kPrefix = "aws:";
  if (text.starts_with(kPrefix)) {
    const std::string_view digits = text.substr(kPrefix.size());
    double factor = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), factor);
    if (error == std::errc() && end == digits.data() + digits.size() && factor > 0 && factor <= kMaxFactor) {
      return {.factor = factor};
    }
  }
  throw Error(fmt::format("`{}` is no timing", text), "instant, aws, or a fraction of AWS's time such as aws:0.05");
}

}  // namespace adhoc::localcloud
