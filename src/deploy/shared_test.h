// A small application on shared resources, in a local cloud within this process: what tests of shared resources share.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "config/resolve.h"
#include "env/environment.h"
#include "testing/fake_random.h"
#include "testing/local_cloud.h"
#include "testing/temporary_folder.h"

namespace adhoc::env {

inline Json Filters(std::initializer_list<std::pair<const char*, std::string>> filters) {
  Json list = Json::array();
  for (const auto& [name, value] : filters) list.push_back({{"Name", name}, {"Values", Json::array({value})}});
  return {{"Filters", list}};
}

class SharedTest : public ::testing::Test {
 protected:
  static constexpr const char* kDefinition = R"(name: shop
shared: dev
domain: dev.localhost
database: {image: "localhost/adhoc/postgres:15"}
services:
  web: {image: "localhost/adhoc/web:1", port: 8000, paths: ["/*"]}
  redis: {image: "localhost/adhoc/web:1", port: 6379, discoverable: true}
targets:
  local: {kind: local}
)";

  class Wire final : public net::Transport {
   public:
    explicit Wire(testing::LocalCloud& cloud) : cloud_(cloud) {}
    net::Response Send(const net::Uri&, const net::Request& request, const net::SendOptions&) override {
      return cloud_.Handle(request);
    }

   private:
    testing::LocalCloud& cloud_;
  };

  SharedTest() {
    folder_.Write("adhoc.yaml", kDefinition);
    folder_.Write("envs/alpha.tfvars", "");
    config_ = config::LoadConfig({.definition = folder_.path() / "adhoc.yaml", .environment = "alpha"});
    config_.target.https = true;
    cloud_.runtime().AddImage("localhost/adhoc/postgres:15", [](const localcloud::ContainerSpec& spec) {
      testing::FakeProcess process;
      const auto container = spec.labels.find("adhoc.container");
      if (container != spec.labels.end() && container->second == "database") {
        process.exits_after = std::chrono::milliseconds(200);
      }
      return process;
    });
    cloud_.runtime().AddImage("localhost/adhoc/web:1");
  }

  testing::LocalApi& api() { return cloud_.api(); }

  // One run of the program. The error with its hint, or "".
  std::string Run(const std::function<void(Context&)>& work) {
    aws::Client client({.endpoint_url = "http://127.0.0.1:4566"},
                       aws::StaticCredentials({.access_key_id = "adhoc", .secret_access_key = "adhoc"}),
                       std::make_shared<Wire>(cloud_), cloud_.clock(), random_);
    events::Recorder sink;
    Context context(client, config_, sink, cloud_.clock(), random_, {});
    std::string failure;
    try {
      work(context);
    } catch (const Error& error) {
      failure = error.hint().empty() ? error.what() : fmt::format("{} | {}", error.what(), error.hint());
    }
    warnings_.clear();
    for (const auto& event : sink.events()) {
      const auto* notice = std::get_if<events::Notice>(&event);
      if (notice != nullptr && notice->level == events::Notice::Level::kWarning) warnings_.push_back(notice->text);
    }
    return failure;
  }
  static void Expect(const ApplyResult& result) {
    if (!result.ok()) throw Error(result.error, result.hint);
  }
  std::string Apply(Prepared (*prepare)(Context&)) {
    return Run([&](Context& context) {
      const Prepared prepared = prepare(context);
      Expect(env::Apply(context, prepared.plan, prepared.resources));
    });
  }
  std::string SharedUp() { return Apply(PrepareShared); }
  std::string SharedDown() { return Apply(PrepareSharedDown); }
  std::string Up() {
    return Run(
        [&](Context& context) { Expect(env::Up(context, PrepareUp(context, records_->Get("alpha")), *records_)); });
  }
  std::string Down() {
    const std::string error =
        Run([&](Context& context) { Expect(env::Down(context, PrepareDown(context), *records_)); });
    Rest();
    return error;
  }
  // What would change, with its reasons.
  std::vector<std::string> Planned(Prepared (*prepare)(Context&) = PrepareShared) {
    std::vector<std::string> changes;
    const std::string error = Run([&](Context& context) {
      for (const Prepared prepared = prepare(context); const auto& change : prepared.plan.changes()) {
        std::string text = fmt::format("{} {}", Symbol(change.action), change.id);
        for (const auto& reason : change.reasons) text += "; " + reason;
        changes.push_back(std::move(text));
      }
    });
    EXPECT_EQ(error, "");
    return changes;
  }
  void Rest() {
    for (int i = 0; i < 16; ++i) {
      cloud_.clock().Advance(std::chrono::seconds(4));
      cloud_.Settle();
    }
  }

  const testing::TemporaryFolder folder_;
  config::Config config_;
  testing::LocalCloud cloud_;
  testing::FakeRandom random_;
  std::vector<std::string> warnings_;  // of the last run
  std::unique_ptr<RecordStore> records_ = OpenLocalRecords(folder_.path() / "records.db", cloud_.clock());
};

}  // namespace adhoc::env
