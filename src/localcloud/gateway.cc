#include "localcloud/gateway.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "aws/codec/codec.h"
#include "aws/sign/sigv4.h"
#include "localcloud/api/ecr_registry.h"
#include "localcloud/api/s3_cors.h"
#include "localcloud/api/s3_post.h"
#include "localcloud/api/s3_website.h"
#include "localcloud/redact.h"
#include "localcloud/routing.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace {

using aws::Protocol;

// What a request violates, in the words and with the code of the service.
ApiError ViolationError(const aws::Service& service, const std::vector<aws::Violation>& violations) {
  const aws::Violation& first = violations.front();
  const bool missing = first.kind == aws::Violation::Kind::kMissing;
  if (service.protocol == Protocol::kEc2) {
    if (missing) return {"MissingParameter", fmt::format("The request must contain the parameter {}", first.path)};
    return {"InvalidParameterValue", first.message};
  }
  std::string all;
  for (const auto& violation : violations) all += (all.empty() ? "" : "; ") + violation.message;
  static const std::map<std::string, std::string, std::less<>> kCodes = {
      {"ecs", "InvalidParameterException"},
      {"ecr", "InvalidParameterException"},
      {"efs", "BadRequest"},
      {"logs", "InvalidParameterException"},
      {"servicediscovery", "InvalidInput"},
      {"secretsmanager", "InvalidParameterException"},
      {"route53", "InvalidInput"},
      {"s3", "InvalidArgument"},
      {"acm", "ValidationException"},
  };
  if (const auto found = kCodes.find(service.name); found != kCodes.end()) return {found->second, all};
  if (service.protocol == Protocol::kQuery) {
    if (service.name == "rds") return {missing ? "MissingParameter" : "InvalidParameterValue", all};
    return {"ValidationError", fmt::format("{} validation error{} detected: {}", violations.size(),
                                           violations.size() == 1 ? "" : "s", all)};
  }
  return {"ValidationException", all};
}

ApiError UnknownOperation(const aws::Service& service, std::string_view asked) {
  switch (service.protocol) {
    case Protocol::kJson:
    case Protocol::kCbor:
      return {"UnknownOperationException", fmt::format("{} does not answer {} here", service.name, asked)};
    case Protocol::kQuery:
    case Protocol::kEc2:
      return {"InvalidAction", fmt::format("The action {} is not valid for this web service.", asked)};
    default:
      return {"NotImplemented", "A header or query you provided implies functionality that is not implemented.",
              Json::object(), 501};
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<aws::ParsedAuthorization> AuthorizationOf(const net::Request& request) {
  try {
    return aws::ParseAuthorization(request);
  } catch (const Error& error) {
    throw ApiError("IncompleteSignature", error.what());
  }
}

std::string AskedFor(const net::Request& request) {
  if (const auto target = request.headers.Get("X-Amz-Target"))
    return std::string(target->substr(target->rfind('.') + 1));
  for (const auto& source : {std::string_view(request.body), request.query()}) {
    for (const auto& [name, value] : net::ParseQuery(source, true)) {
      if (name == "Action") return value;
    }
  }
  return fmt::format("{} {}", request.method, request.path());
}

aws::ErrorInfo ToErrorInfo(const aws::Service& service, const ApiError& error, const std::string& request_id) {
  aws::ErrorInfo info{
      .code = error.code(), .message = error.what(), .fields = error.fields(), .request_id = request_id};
  if (const aws::Shape* shape = service.FindError(error.code())) {
    info.status = shape->error_status;
    info.sender = !shape->fault;
  }
  if (error.status() != 0) info.status = error.status();
  return info;
}

Json Decode(const aws::Service& service, const aws::Operation& operation, const net::Request& request) {
  return aws::HasStreamedBody(operation) ? aws::DecodeRequestHead(service, operation, request)
                                         : aws::DecodeRequest(service, operation, request);
}

// Of a request that was decoded before.
std::string InputForLog(const aws::Service& service, const aws::Operation& operation, const net::Request& request) {
  if (operation.input == nullptr) return "{}";
  return Redact(*operation.input, Decode(service, operation, request))
      .dump(-1, ' ', false, Json::error_handler_t::replace)
      .substr(0, 4000);
}

net::Response JsonPage(const Json& document, int status = 200) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = document.dump() + "\n"};
}

}  // namespace

Gateway::Gateway(Cloud& cloud, const Api& api) : cloud_(cloud), api_(api), tasks_(cloud) {
  On("GET", "/_adhoc/calls", [this](const net::Request&) { return JsonPage(Json(*calls_.lock())); });
  On("GET", "/_adhoc/chaos", [this](const net::Request&) { return JsonPage(chaos_.Show()); });
  On("PUT", "/_adhoc/chaos", [this](const net::Request& request) {
    chaos_.Set(ParseChaos(Json::parse(request.body, nullptr, false)));
    return JsonPage(chaos_.Show());
  });
  On("DELETE", "/_adhoc/chaos", [this](const net::Request&) {
    chaos_.Clear();
    return JsonPage(chaos_.Show());
  });
}

void Gateway::On(std::string method, std::string path, Page page) {
  pages_.insert_or_assign(method + " " + path, std::move(page));
}

net::Response Gateway::Handle(const net::Request& received) {
  if (received.path().starts_with("/_adhoc/")) {
    const auto page = pages_.find(fmt::format("{} {}", received.method, received.path()));
    if (page == pages_.end()) return {.status = 404, .body = "no such page\n"};
    try {
      return page->second(received);
    } catch (const Error& error) {
      return JsonPage({{"error", error.what()}, {"hint", error.hint()}}, 400);
    }
  }

  if (const auto bucket = WebsiteOf(cloud_.store, received)) {
    return AnswerWebsite(cloud_.store, *bucket, received,
                         [this](const net::Request& request) { return Handle(request); });
  }

  // No bucket has so short a name as these paths begin with.
  if (!TargetWithBucket(received)) {
    if (received.method == "GET") {
      if (auto answer = tasks_.Answer(received)) return *answer;
    }
    if (auto answer = AnswerRegistry(cloud_, received, iam_watch_)) return std::move(*answer);
  }

  const std::string service_name = ServiceOf(received);
  const aws::Service* service = aws::FindService(service_name);
  if (service == nullptr) {
    return {.status = 404, .body = fmt::format("the local cloud has no service for {}\n", AskedFor(received))};
  }
  service = &aws::ServiceAsSpoken(*service, received);
  std::optional<net::Request> rewritten;
  if (service_name == "s3") {
    if (auto target = TargetWithBucket(received)) {
      rewritten = received;
      rewritten->target = std::move(*target);
    }
    if (auto answer = AnswerPostForm(cloud_, rewritten ? *rewritten : received)) return std::move(*answer);
  }
  if (const aws::Operation* named = aws::RouteRequest(*service, rewritten ? *rewritten : received);
      !received.body_file.empty() && (named == nullptr || !aws::HasStreamedBody(*named))) {
    // A large document, e.g. the list of ten thousand parts.
    if (!rewritten) rewritten = received;
    rewritten->body = ReadFile(received.body_file);
  }
  const net::Request& request = rewritten ? *rewritten : received;
  if (service_name == "s3" && request.method == "OPTIONS") return AnswerPreflight(cloud_, request);
  std::optional<Fault> fault;
  net::Response response = Answer(service_name, *service, request, fault);
  if (fault) {
    response.delay = fault->delay;
    if (fault->kind == FaultKind::kTimeout) response.fate = net::Response::Fate::kNeverSent;
    if (fault->kind == FaultKind::kDrop || fault->kind == FaultKind::kLostAnswer) {
      response.fate = net::Response::Fate::kConnectionClosed;
    }
  }
  return response;
}

net::Response Gateway::Answer(const std::string& service_name, const aws::Service& service, const net::Request& request,
                              std::optional<Fault>& fault) {
  const std::string request_id = cloud_.random.Uuid();
  const aws::Operation* operation = aws::RouteRequest(service, request);
  try {
    const Handler* handler = operation == nullptr ? nullptr : api_.Find(service_name, operation->name);
    if (handler == nullptr) throw UnknownOperation(service, AskedFor(request));
    ++(*calls_.lock())[fmt::format("{} {}", service_name, operation->name)];

    fault = chaos_.Next(service_name, operation->name);
    if (fault && (fault->kind == FaultKind::kThrottling || fault->kind == FaultKind::kServerError)) {
      aws::ErrorInfo error = FaultError(service, fault->kind);
      error.request_id = request_id;
      return aws::EncodeError(service, error);
    }
    if (fault && !fault->TakesEffect()) return {};

    Json input = Decode(service, *operation, request);
    if (operation->input != nullptr) {
      const auto violations = aws::Validate(*operation->input, input);
      if (!violations.empty()) throw ViolationError(service, violations);
    }
    std::string access_key;
    std::string region = cloud_.settings.region;
    if (const auto authorization = AuthorizationOf(request)) {
      access_key = authorization->access_key_id;
      region = authorization->region;
    }
    if (cloud_.settings.iam == Iam::kEnforce) {
      const auto txn = cloud_.store.Begin();
      iam::Authorize(cloud_,
                     {.operation = *operation,
                      .input = input,
                      .prepared = {},
                      .txn = *txn,
                      .http = request,
                      .service = service_name,
                      .access_key = access_key,
                      .region = region,
                      .request_id = request_id,
                      .raw = std::nullopt},
                     iam_watch_);
    }
    std::any prepared;
    if (const Prepare* prepare = api_.FindPrepare(service_name, operation->name)) prepared = (*prepare)(input, request);

    const auto txn = cloud_.store.Begin();
    Call call{.operation = *operation,
              .input = std::move(input),
              .prepared = std::move(prepared),
              .txn = *txn,
              .http = request,
              .service = service_name,
              .access_key = std::move(access_key),
              .region = std::move(region),
              .request_id = request_id,
              .raw = std::nullopt};
    const Json output = (*handler)(call);
    txn->Commit();

    net::Response response = aws::EncodeResponse(service, *operation, output, request_id);
    if (call.raw) {
      response.status = call.raw->status;
      for (const auto& [name, value] : call.raw->headers) response.headers.Set(name, value);
      if (!call.raw->body.empty()) response.body = std::move(call.raw->body);
      response.file = std::move(call.raw->file);
      response.file_offset = call.raw->file_offset;
      response.file_length = call.raw->file_length;
    }
    return response;
  } catch (const ApiError& error) {
    net::Response response = aws::EncodeError(service, ToErrorInfo(service, error, request_id));
    for (const auto& [name, value] : error.headers()) response.headers.Set(name, value);
    return response;
  } catch (const aws::CodecError& error) {
    const bool json = service.protocol == Protocol::kJson || service.protocol == Protocol::kRestJson ||
                      service.protocol == Protocol::kCbor;
    const bool xml = service.protocol == Protocol::kRestXml;
    return aws::EncodeError(service, {.code = json  ? "SerializationException"
                                              : xml ? "MalformedXML"
                                                    : "MalformedInput",
                                      .message = error.what(),
                                      .request_id = request_id});
  } catch (const std::exception& error) {
    // Every one of these is a mistake of ours: the log has what is needed to repeat it.
    spdlog::error("500 {} {} {} {}: {}; input: {}", service_name, operation->name, request.path(), request_id,
                  error.what(), InputForLog(service, *operation, request));
    return aws::EncodeError(service, {.code = service_name == "s3" ? "InternalError" : "InternalFailure",
                                      .message = error.what(),
                                      .status = 500,
                                      .sender = false,
                                      .request_id = request_id});
  }
}

}  // namespace adhoc::localcloud
