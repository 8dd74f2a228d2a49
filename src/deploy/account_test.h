// The local cloud of lifecycle_test.h, made by a test to behave like an account: it refuses, answers late, loses
// answers.
#pragma once

#include "aws/codec/codec.h"
#include "base/sync.h"
#include "deploy/lifecycle_test.h"

namespace adhoc::deploy {

struct AwsCall {
  const aws::Service& service;
  const aws::Operation& operation;
  const Json input;
  const int number;  // of the operation, from 1

  // `ecs.RunTask`
  std::string Name() const { return service.name + "." + operation.name; }
  bool Is(std::string_view name) const { return Name() == name; }
  net::Response Refusal(const std::string& code, const std::string& message = "", int status = 400) const {
    return aws::EncodeError(service, {.code = code, .message = message, .status = status});
  }
  net::Response Answer(const Json& output) const { return aws::EncodeResponse(service, operation, output, "id"); }
};

// The way to a local cloud that a test makes behave like an account.
class Account final : public net::Transport {
 public:
  // Called before the cloud is asked; what it returns is the answer.
  using Before = std::function<std::optional<net::Response>(const AwsCall&)>;
  // Called with the cloud's answer, which it may change.
  using After = std::function<void(const AwsCall&, Json& output)>;

  Account(testing::LocalCloud& cloud, Before before, After after = {})
      : cloud_(cloud), before_(std::move(before)), after_(std::move(after)) {}

  net::Response Send(const net::Uri&, const net::Request& request, const net::SendOptions&) override {
    const aws::Service& service = aws::GetService(localcloud::ServiceOf(request));
    const aws::Operation& operation = *aws::RouteRequest(service, request);
    const AwsCall call{service, operation, aws::DecodeRequest(service, operation, request),
                       ++(*asked_.lock())[service.name + "." + operation.name]};
    if (before_) {
      if (auto answer = before_(call)) return std::move(*answer);
    }
    net::Response response = cloud_.Handle(request);
    if (!after_ || response.status >= 300 || operation.name == "GetObject") return response;
    Json output = aws::DecodeResponse(service, operation, response);
    const Json before = output;
    after_(call, output);
    return output == before ? response : call.Answer(output);
  }

  int asked(const std::string& operation) { return (*asked_.lock())[operation]; }

 private:
  testing::LocalCloud& cloud_;
  const Before before_;
  const After after_;
  Sync<std::map<std::string, int>> asked_;
};

class InAnAccount : public Lifecycle {
 protected:
  InAnAccount() { pace_.consistency = std::chrono::seconds(60); }

  // One run of the program; its error, or nothing.
  std::string Run(const std::shared_ptr<Account>& account, const std::function<void(env::Context&)>& work) {
    aws::Client client({.endpoint_url = "http://127.0.0.1:4566"},
                       aws::StaticCredentials({.access_key_id = "adhoc", .secret_access_key = "adhoc"}), account,
                       cloud_.clock(), random_);
    env::Context context(client, config_, sink_, cloud_.clock(), random_, pace_);
    try {
      work(context);
    } catch (const Error& error) {
      hint_ = error.hint();
      return error.what();
    }
    return "";
  }
  std::string Apply(const std::shared_ptr<Account>& account,
                    const std::function<env::ApplyResult(env::Context&)>& apply) {
    return Run(account, [&](env::Context& context) { Expect(apply(context)); });
  }
  std::string SharedUp(const std::shared_ptr<Account>& account) {
    return Apply(account, [](env::Context& context) {
      const auto prepared = env::PrepareShared(context);
      return env::Apply(context, prepared.plan, prepared.resources);
    });
  }
  std::string SharedDown(const std::shared_ptr<Account>& account) {
    return Apply(account, [](env::Context& context) {
      const auto prepared = env::PrepareSharedDown(context);
      return env::Apply(context, prepared.plan, prepared.resources);
    });
  }
  std::string Up(const std::shared_ptr<Account>& account) {
    return Apply(account, [this](env::Context& context) {
      return env::Up(context, env::PrepareUp(context, records_.Get(config_.environment)), *file_);
    });
  }
  std::string Down(const std::shared_ptr<Account>& account) {
    return Apply(account,
                 [this](env::Context& context) { return env::Down(context, env::PrepareDown(context), *file_); });
  }
  using Lifecycle::Down;
  using Lifecycle::Run;
  using Lifecycle::SharedDown;
  using Lifecycle::SharedUp;
  using Lifecycle::Up;

  std::shared_ptr<Account> Make(Account::Before before, Account::After after = {}) {
    return std::make_shared<Account>(cloud_, std::move(before), std::move(after));
  }

  bool Said(const std::string& part) const {
    for (const auto& event : sink_.events()) {
      const auto* progress = std::get_if<events::StepProgress>(&event);
      if (progress != nullptr && progress->message.find(part) != std::string::npos) return true;
    }
    return false;
  }
  std::vector<std::string> LogLines() const {
    std::vector<std::string> lines;
    for (const auto& event : sink_.events()) {
      if (const auto* line = std::get_if<events::LogLine>(&event)) lines.push_back(line->text);
    }
    return lines;
  }
  // ECS remembers tasks that ended for an hour.
  std::size_t StartedTasks(const std::string& family) {
    return cloud_.api()
        .Call("ecs", "ListTasks", {{"cluster", "alpha-cluster"}, {"family", family}, {"desiredStatus", "STOPPED"}})
        .at("taskArns")
        .size();
  }

  env::Pace pace_;
  events::Recorder sink_;
  std::string hint_;  // of the last error
};

}  // namespace adhoc::deploy
