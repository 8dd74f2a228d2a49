#include "aws/client/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "aws/client/endpoint.h"
#include "aws/client/jmespath.h"
#include "aws/client/retry.h"
#include "aws/client/waiter.h"
#include "aws/codec/codec.h"
#include "aws/model/model.h"
#include "base/sync.h"
#include "base/text.h"
#include "net/http_date.h"

namespace adhoc::aws {
namespace {

constexpr std::chrono::minutes kClockTolerance{4};

std::string Title(std::string_view service, std::string_view operation) {
  return fmt::format("{} {}", service, operation);
}

// What to do next about AWS's refusal; empty where only the message can tell.
std::string HintFor(const std::string& code, int status) {
  if (code.starts_with("ExpiredToken") || code == "RequestExpired") return "get new credentials: the session is over";
  if (code == "InvalidClientTokenId" || code == "UnrecognizedClientException" || code == "InvalidAccessKeyId" ||
      code == "SignatureDoesNotMatch" || code == "InvalidSignatureException") {
    return "check the credentials: aws sts get-caller-identity";
  }
  const auto has = [&](std::string_view part) { return code.find(part) != std::string::npos; };
  if (has("AccessDenied") || code == "UnauthorizedOperation") {
    return "somebody who may change permissions has to allow it: adhoc iam policy prints what is needed";
  }
  if (has("LimitExceeded") || has("QuotaExceeded") || code.starts_with("TooMany")) {
    return "a quota of the account is used up: adhoc quota shows what binds, AWS raises it on request";
  }
  if (has("Throttl") || code == "RequestLimitExceeded" || code == "SlowDown") {
    return "others keep the account busy: run the command again in a minute, it goes on from here";
  }
  if (status >= 500) return "AWS has a problem: run the command again in a minute, it goes on from here";
  return "";
}

// Copies the tokens that make a repeated call harmless into the input, as botocore does.
void FillIdempotencyTokens(const Shape& shape, Json& input, Random& random) {
  for (const Member& member : shape.members) {
    if (member.idempotency_token && !input.contains(member.name)) input[member.name] = random.Uuid();
  }
}

bool IsEnd(const Json& token) {
  return token.is_null() || (token.is_string() && token.get_ref<const std::string&>().empty());
}

void Append(Json& items, const Json& page) {
  if (page.is_array()) {
    items.insert(items.end(), page.begin(), page.end());
  } else if (!page.is_null()) {
    items.push_back(page);
  }
}

}  // namespace

AwsError::AwsError(std::string service, std::string operation, std::string code, std::string message, int status,
                   std::string request_id, Json fields)
    : Error(fmt::format("{}: {}{}{}{}", Title(service, operation), code, message.empty() ? "" : ": ", message,
                        request_id.empty() ? "" : fmt::format(" (request {})", request_id)),
            HintFor(code, status)),
      service_(std::move(service)),
      operation_(std::move(operation)),
      code_(std::move(code)),
      message_(std::move(message)),
      request_id_(std::move(request_id)),
      status_(status),
      fields_(std::move(fields)) {}

struct Client::Impl {
  // The end of a call: an output, or AWS's refusal.
  struct Outcome {
    int status = 0;
    Json output = Json::object();
    std::optional<ErrorInfo> error;
    std::optional<TimePoint> server_time;  // its Date
  };

  Outcome Exchange(const Service& service, const Operation& operation, const Json& given, const std::stop_token& stop);
  Outcome Retrying(const Service& service, const Operation& operation, net::Request& request, const Json& input,
                   const std::stop_token& stop, CallRecord& record);
  Outcome Send(const Service& service, const Operation& operation, const Endpoint& endpoint, const net::Uri& origin,
               net::Request& request);
  bool CorrectSkew(const Outcome& outcome);
  void Sleep(std::string_view title, Duration duration, const std::stop_token& stop);

  static AwsError ToAwsError(const Service& service, const Operation& operation, const ErrorInfo& error) {
    return AwsError(service.name, operation.name, error.code, error.message, error.status, error.request_id,
                    error.fields);
  }

  ClientOptions options;
  std::shared_ptr<CredentialsProvider> credentials;
  std::shared_ptr<net::Transport> transport;
  Clock& clock;
  Random& random;
  EnvironmentReader environment = ProcessEnvironment();
  RetryQuota quota;
  // How far AWS's clock is ahead of ours, once it has refused a signature for its time.
  std::atomic<Duration> skew{Duration::zero()};
  std::atomic<Duration> measured{Duration::zero()};  // the same by the latest answer
  Sync<std::function<void(const CallRecord&)>> observer;
};

void Client::Impl::Sleep(std::string_view title, Duration duration, const std::stop_token& stop) {
  if (stop.stop_requested() || !clock.SleepFor(duration, stop)) throw Error(fmt::format("{}: interrupted", title));
}

Client::Impl::Outcome Client::Impl::Exchange(const Service& service, const Operation& operation, const Json& given,
                                             const std::stop_token& stop) {
  const std::string title = Title(service.name, operation.name);
  Json input = given;
  if (operation.input != nullptr) {
    FillIdempotencyTokens(*operation.input, input, random);
    std::vector<std::string> reasons;
    for (const Violation& violation : Validate(*operation.input, input)) {
      reasons.push_back(violation.path.empty() ? violation.message : violation.path + ": " + violation.message);
    }
    if (!reasons.empty()) throw Error(fmt::format("{}: the input is invalid: {}", title, Join(reasons, "; ")));
  }
  net::Request request;
  try {
    request = EncodeRequest(service, operation, input);
  } catch (const CodecError& error) {
    throw Error(fmt::format("{}: the input is invalid: {}", title, error.what()));
  }

  struct Report {
    Impl& impl;
    CallRecord record;
    TimePoint start;
    ~Report() {
      record.elapsed = impl.clock.Now() - start;
      const std::function<void(const CallRecord&)> observe = *impl.observer.lock();
      if (observe) observe(record);
    }
  } report{*this, {service.name, operation.name}, clock.Now()};
  return Retrying(service, operation, request, input, stop, report.record);
}

Client::Impl::Outcome Client::Impl::Retrying(const Service& service, const Operation& operation, net::Request& request,
                                             const Json& input, const std::stop_token& stop, CallRecord& record) {
  const std::string title = Title(service.name, operation.name);
  const Endpoint endpoint =
      ResolveEndpoint(service, options.region, options.endpoint_url, environment, options.profile_endpoints);
  const net::Uri origin = PlaceRequest(service, operation, endpoint, request);
  int last_cost = 0;
  int throttled = 0;
  int failed = 0;
  const auto is_last = [&](Retry kind) {
    return kind == Retry::kThrottling ? ++throttled >= options.max_throttled_attempts
                                      : ++failed >= options.max_attempts;
  };
  for (int attempt = 1;; ++attempt) {
    if (stop.stop_requested()) throw Error(fmt::format("{}: interrupted", title));
    record.attempts = attempt;
    try {
      Outcome outcome = Send(service, operation, endpoint, origin, request);
      record.status = outcome.status;
      if (!outcome.error) {
        quota.Return(last_cost);
        return outcome;
      }
      const Retry kind = ClassifyError(outcome.error->code, outcome.error->status);
      const bool last = is_last(kind);
      if (!last && CorrectSkew(outcome)) continue;
      last_cost = last || kind == Retry::kNo ? 0 : quota.Take(kind);
      if (last_cost == 0) return outcome;
    } catch (const net::TransportError& error) {
      record.status = 0;
      const bool repeatable = !error.sent() || IsRepeatable(operation, input);
      const Retry kind = error.timed_out() ? Retry::kTimeout : Retry::kTransient;
      last_cost = is_last(kind) || !repeatable ? 0 : quota.Take(kind);
      if (last_cost == 0) {
        const std::string tries = attempt > 1 ? fmt::format(" ({} attempts)", attempt) : "";
        throw net::TransportError(fmt::format("{}: {}{}", title, error.what(), tries), error.sent(), error.timed_out());
      }
    }
    Sleep(title, RetryDelay(attempt, random.Fraction()), stop);
  }
}

Client::Impl::Outcome Client::Impl::Send(const Service& service, const Operation& operation, const Endpoint& endpoint,
                                         const net::Uri& origin, net::Request& request) {
  const TimePoint now = clock.Now() + std::chrono::duration_cast<TimePoint::duration>(skew.load());
  const Credentials keys = credentials->Get();
  if (!keys.access_key_id.empty()) Sign(request, keys, {endpoint.signing_region, service.signing_name}, now);
  const net::Response response = transport->Send(origin, request, options.send);

  Outcome outcome;
  outcome.status = response.status;
  if (const auto date = response.headers.Get("Date")) outcome.server_time = net::ParseHttpDate(*date);
  if (outcome.server_time) measured = *outcome.server_time - clock.Now();
  const bool hidden_error = HasErrorBody(service, operation, response);
  if (response.status >= 300 || hidden_error) {
    outcome.error = DecodeError(service, response);
    if (hidden_error) outcome.error->status = 500;
    return outcome;
  }
  try {
    outcome.output = DecodeResponse(service, operation, response);
  } catch (const CodecError& error) {
    throw Error(fmt::format("{}: cannot read the answer: {}", Title(service.name, operation.name), error.what()));
  }
  return outcome;
}

// Whether our clock was the reason, in which case the next signature carries the server's time.
bool Client::Impl::CorrectSkew(const Outcome& outcome) {
  if (!IsClockSkewCode(outcome.error->code) || !outcome.server_time) return false;
  const Duration measured = *outcome.server_time - clock.Now();
  const Duration difference = measured - skew.load();
  if (difference < kClockTolerance && difference > -kClockTolerance) return false;
  skew = measured;
  return true;
}

Client::Client(ClientOptions options, std::shared_ptr<CredentialsProvider> credentials,
               std::shared_ptr<net::Transport> transport, Clock& clock, Random& random)
    : impl_(new Impl{std::move(options), std::move(credentials), std::move(transport), clock, random}) {}

Client::~Client() = default;

Json Client::Call(std::string_view service_name, std::string_view operation_name, const Json& input,
                  std::stop_token stop) {
  const Service& service = GetServiceFor(service_name, operation_name);
  const Operation& operation = service.GetOperation(operation_name);
  Impl::Outcome outcome = impl_->Exchange(service, operation, input, stop);
  if (outcome.error) throw Impl::ToAwsError(service, operation, *outcome.error);
  return std::move(outcome.output);
}

Json Client::List(std::string_view service_name, std::string_view operation_name, Json input,
                  std::string_view result_key, std::stop_token stop) {
  const Service& service = GetServiceFor(service_name, operation_name);
  const auto paginator = service.paginators.find(operation_name);
  Json items = Json::array();
  Json previous;
  while (true) {
    const Json page = Call(service_name, operation_name, input, stop);
    Append(items, JmesSearch(result_key, page));
    if (paginator == service.paginators.end()) return items;
    const Paginator& pages = paginator->second;
    if (!pages.more_results.empty() && JmesSearch(pages.more_results, page) != Json(true)) return items;

    Json tokens = Json::object();
    for (std::size_t i = 0; i < pages.input_token.size() && i < pages.output_token.size(); ++i) {
      input.erase(pages.input_token[i]);
      Json token = JmesSearch(pages.output_token[i], page);
      if (!IsEnd(token)) tokens[pages.input_token[i]] = std::move(token);
    }
    if (tokens.empty()) return items;
    // GetLogEvents ends so; of any other operation it would be an endless loop.
    if (tokens == previous) return items;
    input.update(tokens);
    previous = std::move(tokens);
  }
}

void Client::Wait(std::string_view service_name, std::string_view waiter_name, const Json& input, Duration poll,
                  std::stop_token stop) {
  const Service& service = GetService(service_name);
  const auto found = service.waiters.find(waiter_name);
  if (found == service.waiters.end())
    throw Error(fmt::format("no waiter {} of {} is embedded", waiter_name, service_name));
  const Waiter& waiter = found->second;
  const Operation& operation = service.GetOperation(waiter.operation);
  const std::string title = fmt::format("waiting for {} {}", service.name, waiter_name);
  const Duration longest = std::chrono::seconds(waiter.delay_seconds);
  const Duration patience = longest * waiter.max_attempts;
  const TimePoint start = impl_->clock.Now();
  Duration delay = poll > Duration::zero() ? std::min(poll, longest) : longest;
  while (true) {
    Impl::Outcome outcome = impl_->Exchange(service, operation, input, stop);
    Observation observation;
    observation.status = outcome.status;
    observation.output = std::move(outcome.output);
    if (outcome.error) observation.error_code = outcome.error->code;
    const WaiterVerdict verdict = JudgeObservation(waiter, observation);
    switch (verdict.state) {
      case WaiterVerdict::State::kSuccess:
        return;
      case WaiterVerdict::State::kFailure:
        throw Error(fmt::format("{} failed: {}", title, verdict.reason));
      case WaiterVerdict::State::kUnexpectedError:
        throw Impl::ToAwsError(service, operation, *outcome.error);
      case WaiterVerdict::State::kRetry:
        break;
    }
    if (impl_->clock.Now() - start + delay > patience) {
      throw Error(fmt::format("{} timed out after {} s: {}", title,
                              std::chrono::duration_cast<std::chrono::seconds>(patience).count(),
                              DescribeObservation(waiter, observation)));
    }
    impl_->Sleep(title, delay, stop);
    delay = std::min(delay + delay / 2, longest);
  }
}

const std::string& Client::region() const { return impl_->options.region; }

TimePoint Client::ServerTime() {
  return impl_->clock.Now() + std::chrono::duration_cast<TimePoint::duration>(impl_->measured.load());
}

void Client::set_observer(std::function<void(const CallRecord&)> observer) {
  *impl_->observer.lock() = std::move(observer);
}

}  // namespace adhoc::aws
