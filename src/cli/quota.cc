// adhoc quota: how many more environments fit.
#include <fmt/format.h>

#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "env/quota.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(How many more environments of this definition fit into the account and its shared resources, and what binds first.

Quotas are the account's own, as Service Quotas tells them. Environments are on any of the load balancers of the shared resources; what
fits on further ones, which `up` opens when it needs them, is counted too. Connections of the database are what environments had at once
within a day. While a deployment rolls, an environment takes up to twice as much. On one machine only what the local cloud enforces counts.

  adhoc --target dev quota)";

std::string Amount(double value) { return fmt::format("{:g}", value); }

int Show(Shell& shell) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  const std::vector<env::Quota> quotas = env::ReadQuotas(session.context());
  session.EndView();
  if (shell.globals.json) {
    Json list = Json::array();
    for (const env::Quota& quota : quotas) {
      list.push_back({{"service", quota.service},
                      {"code", quota.code},
                      {"name", quota.name},
                      {"limit", quota.limit},
                      {"used", quota.used},
                      {"per_environment", quota.per_environment},
                      {"fits", quota.Fits()},
                      {"adjustable", quota.adjustable},
                      {"is_default", quota.is_default}});
    }
    PrintJson({{"fits", quotas.empty() ? 0 : quotas.front().Fits()}, {"quotas", list}});
    return kOk;
  }
  std::vector<std::vector<std::string>> table{{"QUOTA", "CODE", "LIMIT", "USED", "PER ENVIRONMENT", "FITS"}};
  for (const env::Quota& quota : quotas) {
    table.push_back({quota.name, quota.code.empty() ? "-" : quota.code, Amount(quota.limit), Amount(quota.used),
                     Amount(quota.per_environment), std::to_string(quota.Fits())});
  }
  const std::string& target = session.config().target.name;
  if (quotas.empty()) {
    fmt::print("no quota of {} binds an environment of this definition\n", target);
    return kOk;
  }
  fmt::print("{}", ui::Table(table));
  const env::Quota& first = quotas.front();
  const int fits = first.Fits();
  fmt::print("\n{} on {}; `{}` binds first\n",
             fits == 1 ? "1 more environment fits" : fmt::format("{} more environments fit", fits), target, first.name);
  if (first.adjustable) {
    fmt::print(stderr,
               "  to raise it: aws service-quotas request-service-quota-increase --service-code {} --quota-code {} "
               "--desired-value {}\n",
               first.service, first.code, Amount(first.limit * 2));
  }
  return kOk;
}

}  // namespace

void AddQuota(CLI::App& app, Shell& shell) {
  app.add_subcommand("quota", kHelp)->callback([&shell] { shell.action = [&shell] { return Show(shell); }; });
}

}  // namespace adhoc::cli
