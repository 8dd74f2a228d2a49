#include "localcloud/identity.h"

#include <fmt/format.h>

#include <regex>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

constexpr const char* kCollection = "cloud.identity";
constexpr const char* kKey = "identity";

void CheckAccount(const std::string& account) {
  if (account.size() == 12 && account.find_first_not_of("0123456789") == std::string::npos) return;
  throw Error(fmt::format("`{}` is no account: an account's number has 12 digits", account),
              "adhoc local start --account 111122223333");
}

void CheckRegion(const std::string& region) {
  static const std::regex kPattern("[a-z]{2}(-[a-z]+)+-[0-9]");
  if (region.size() < 32 && std::regex_match(region, kPattern)) return;
  throw Error(fmt::format("`{}` is no region", region), "adhoc local start --region eu-west-1");
}

void CheckSame(const char* what, const std::string& kept, const std::string& asked, const std::string& state_dir) {
  if (asked.empty() || asked == kept) return;
  throw Error(fmt::format("the local cloud of {} is {} {}, not {}: what it holds is named after it", state_dir, what,
                          kept, asked),
              "adhoc local reset, which empties it, or another one: ADHOC_HOME=<folder> ADHOC_PORT=4567");
}

}  // namespace

Identity ResolveIdentity(const std::optional<Identity>& kept, const LocalSettings& settings) {
  if (!settings.account.empty()) CheckAccount(settings.account);
  if (!settings.region.empty()) CheckRegion(settings.region);
  if (!kept) {
    Identity identity;
    if (!settings.account.empty()) identity.account = settings.account;
    if (!settings.region.empty()) identity.region = settings.region;
    return identity;
  }
  CheckSame("account", kept->account, settings.account, settings.state_dir);
  CheckSame("region", kept->region, settings.region, settings.state_dir);
  return *kept;
}

Identity KeepIdentity(Store& store, const LocalSettings& settings) {
  std::optional<Identity> kept;
  if (!store.empty()) {
    kept.emplace();  // state from before it was kept is of the defaults
    const auto txn = store.Begin();
    if (const Json* document = txn->Find(kCollection, kKey)) {
      kept = Identity{.account = document->at("account"), .region = document->at("region")};
    }
  }
  Identity identity = ResolveIdentity(kept, settings);
  const auto txn = store.Begin();
  txn->Put(kCollection, kKey, {{"account", identity.account}, {"region", identity.region}});
  txn->Commit();
  return identity;
}

}  // namespace adhoc::localcloud
