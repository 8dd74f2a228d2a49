#include "localcloud/api/s3_website.h"

#include <fmt/format.h>

#include <cstdlib>

#include "localcloud/api/s3_internal.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace s3 {
namespace {

using net::Request;
using net::Response;

constexpr std::string_view kEndpoint = ".s3-website";  // then a dot or a dash, and the region
constexpr int kMovedPermanently = 301;
constexpr int kFound = 302;

struct Failure {
  int status = 404;
  std::string code;
  std::string message;
  Json details = Json::object();  // of the thing that it is about: Key, BucketName, Method
};

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

const char* ReasonOf(int status) {
  switch (status) {
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 412:
      return "Precondition Failed";
    case 416:
      return "Requested Range Not Satisfiable";
    case 503:
      return "Slow Down";
    default:
      return status < 500 ? "Bad Request" : "Internal Server Error";
  }
}

std::string ListOf(const Failure& failure) {
  std::string list =
      fmt::format("<li>Code: {}</li>\n<li>Message: {}</li>\n", failure.code, EscapeHtml(failure.message));
  for (const auto& [name, value] : failure.details.items()) {
    list += fmt::format("<li>{}: {}</li>\n", name, EscapeHtml(value.get<std::string>()));
  }
  return list;
}

// `about`: of the error document, when there should be one and it couldn't be read.
Response ErrorPage(const Failure& failure, const std::optional<Failure>& about = std::nullopt) {
  const std::string title = fmt::format("{} {}", failure.status, ReasonOf(failure.status));
  Response response{.status = failure.status, .headers = {{"Content-Type", "text/html; charset=utf-8"}}};
  response.headers.Set("x-amz-error-code", failure.code);
  response.headers.Set("x-amz-error-message", failure.message);
  for (const auto& [name, value] : failure.details.items()) {
    response.headers.Set("x-amz-error-detail-" + name, value.get<std::string>());
  }
  response.body = fmt::format("<html>\n<head><title>{}</title></head>\n<body>\n<h1>{}</h1>\n<ul>\n{}</ul>\n", title,
                              title, ListOf(failure));
  if (about) {
    response.body +=
        fmt::format("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n{}</ul>\n",
                    ListOf(*about));
  }
  response.body += "<hr/>\n</body>\n</html>\n";
  return response;
}

Response RedirectTo(const std::string& location, int status) {
  return {.status = status, .headers = {{"Location", location}}};
}

// What stands in an element of an error of ours.
std::string Element(const std::string& xml, const std::string& name) {
  const auto start = xml.find("<" + name + ">");
  const auto end = xml.find("</" + name + ">");
  if (start == std::string::npos || end == std::string::npos) return "";
  return xml.substr(start + name.size() + 2, end - start - name.size() - 2);
}

class Site {
 public:
  Site(std::string bucket, const Json& configuration, const Request& request,
       const std::function<Response(const Request&)>& rest)
      : bucket_(std::move(bucket)),
        configuration_(configuration),
        request_(request),
        rest_(rest),
        key_(net::PercentDecode(request.path()).substr(1)) {}

  Response Answer() {
    if (const Json& all = Fields(configuration_, "RedirectAllRequestsTo"); !all.empty()) {
      return RedirectTo(fmt::format("{}://{}{}", Text(all, "Protocol", "http"), Text(all, "HostName"), request_.target),
                        kMovedPermanently);
    }
    if (const Json* rule = FindRule(0)) return Redirect(*rule);
    const bool is_folder = key_.empty() || key_.ends_with('/');
    Response response = Get(is_folder ? key_ + Index() : key_);
    if (response.status < 400) return Found(std::move(response));
    const Failure failure = FailureOf(response, is_folder ? key_ + Index() : key_);
    if (!is_folder && Get(key_ + "/" + Index()).status == 200) {
      return RedirectTo("/" + net::PercentEncode(key_, "/") + "/", kFound);
    }
    if (const Json* rule = FindRule(failure.status)) return Redirect(*rule);
    return Fail(failure);
  }

 private:
  std::string Index() const { return Text(Fields(configuration_, "IndexDocument"), "Suffix"); }

  Response Get(const std::string& key) const {
    Request get = request_;
    get.method = "GET";
    get.target = "/" + bucket_ + "/" + net::PercentEncode(key, "/");
    get.headers.Set("Host", "s3");
    // A website has no signed requests.
    get.headers.Remove("Authorization");
    return rest_(get);
  }

  static Response Found(Response response) {
    if (const auto location = response.headers.Get("x-amz-website-redirect-location")) {
      return RedirectTo(std::string(*location), kMovedPermanently);
    }
    return response;
  }

  static Failure FailureOf(const Response& response, const std::string& key) {
    Failure failure{response.status, Element(response.body, "Code"), Element(response.body, "Message")};
    if (failure.code == "NoSuchKey") failure.details["Key"] = key;
    return failure;
  }

  // The first rule whose conditions hold; `error` 0: before the object was looked for.
  const Json* FindRule(int error) const {
    for (const Json& rule : Items(configuration_, "RoutingRules")) {
      const Json& condition = Fields(rule, "Condition");
      const std::string code = Text(condition, "HttpErrorCodeReturnedEquals");
      if (code.empty() != (error == 0) || (!code.empty() && code != std::to_string(error))) continue;
      if (StartsWith(key_, Text(condition, "KeyPrefixEquals"))) return &rule;
    }
    return nullptr;
  }

  Response Redirect(const Json& rule) const {
    const Json& redirect = Fields(rule, "Redirect");
    std::string key = key_;
    if (redirect.contains("ReplaceKeyWith")) {
      key = Text(redirect, "ReplaceKeyWith");
    } else if (redirect.contains("ReplaceKeyPrefixWith")) {
      const std::string prefix = Text(Fields(rule, "Condition"), "KeyPrefixEquals");
      key = Text(redirect, "ReplaceKeyPrefixWith") + key_.substr(prefix.size());
    }
    const std::string host = Text(redirect, "HostName", request_.headers.GetOr("Host", ""));
    return RedirectTo(fmt::format("{}://{}/{}", Text(redirect, "Protocol", "http"), host, net::PercentEncode(key, "/")),
                      std::atoi(Text(redirect, "HttpRedirectCode", std::to_string(kMovedPermanently)).c_str()));
  }

  Response Fail(const Failure& failure) const {
    const std::string document = Text(Fields(configuration_, "ErrorDocument"), "Key");
    if (document.empty() || failure.status < 400 || failure.status >= 500) return ErrorPage(failure);
    Response page = Get(document);
    if (page.status != 200) return ErrorPage(failure, FailureOf(page, document));
    if (page.headers.Has("x-amz-website-redirect-location")) return Found(std::move(page));
    page.status = failure.status;
    page.headers.Set("x-amz-error-code", failure.code);
    page.headers.Set("x-amz-error-message", failure.message);
    return page;
  }

  const std::string bucket_;
  const Json& configuration_;
  const Request& request_;
  const std::function<Response(const Request&)>& rest_;
  const std::string key_;
};

void CheckRule(const Json& rule) {
  const Json& redirect = Fields(rule, "Redirect");
  if (redirect.empty())
    throw Fault("MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema");
  if (redirect.contains("ReplaceKeyWith") && redirect.contains("ReplaceKeyPrefixWith")) {
    throw Fault("InvalidRequest", "You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
  }
  const std::string status = Text(redirect, "HttpRedirectCode", "301");
  if (status.size() != 3 || status[0] != '3' || status == "300") {
    throw Fault("InvalidRequest",
                "The provided HTTP redirect code (" + status + ") is not valid. Valid codes are 3XX except 300.");
  }
  const std::string error = Text(Fields(rule, "Condition"), "HttpErrorCodeReturnedEquals", "404");
  if (error.size() != 3 || (error[0] != '4' && error[0] != '5')) {
    throw Fault("InvalidRequest",
                "The provided HTTP error code (" + error + ") is not valid. Valid codes are 4XX or 5XX.");
  }
}

}  // namespace
}  // namespace s3

std::optional<std::string> WebsiteOf(Store& store, const net::Request& request) {
  std::string host = ToLower(request.headers.GetOr("Host", ""));
  host = host.substr(0, host.rfind(':'));
  const auto at = host.find(s3::kEndpoint);
  const auto after = at + s3::kEndpoint.size();
  if (at != std::string::npos && at > 0 && after < host.size() && (host[after] == '.' || host[after] == '-')) {
    return host.substr(0, at);
  }
  if (host.find('.') == std::string::npos || host.find_first_not_of("0123456789.") == std::string::npos) {
    return std::nullopt;  // localhost, an address
  }
  const auto txn = store.Begin();
  const Json* bucket = txn->Find(s3::kBuckets, host);
  if (bucket == nullptr || !bucket->contains("_website")) return std::nullopt;
  return host;
}

net::Response AnswerWebsite(Store& store, const std::string& bucket, const net::Request& request,
                            const std::function<net::Response(const net::Request&)>& rest) {
  Json configuration;
  {
    const auto txn = store.Begin();
    const Json* found = txn->Find(s3::kBuckets, bucket);
    if (found == nullptr) {
      return s3::ErrorPage({404, "NoSuchBucket", "The specified bucket does not exist", {{"BucketName", bucket}}});
    }
    if (!found->contains("_website")) {
      return s3::ErrorPage({404,
                            "NoSuchWebsiteConfiguration",
                            "The specified bucket does not have a website configuration",
                            {{"BucketName", bucket}}});
    }
    configuration = found->at("_website");
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return s3::ErrorPage({405,
                          "MethodNotAllowed",
                          "The specified method is not allowed against this resource.",
                          {{"Method", request.method}, {"ResourceType", "OBJECT"}}});
  }
  return s3::Site(bucket, configuration, request, rest).Answer();
}

void CheckWebsite(const Json& configuration) {
  if (configuration.contains("RedirectAllRequestsTo")) {
    if (configuration.size() > 1) {
      throw s3::Fault("InvalidArgument",
                      "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.");
    }
    return;
  }
  if (!configuration.contains("IndexDocument")) {
    throw s3::Fault("InvalidArgument",
                    "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
                    {{"ArgumentName", "IndexDocument"}, {"ArgumentValue", "null"}});
  }
  const std::string suffix = Text(configuration["IndexDocument"], "Suffix");
  if (suffix.empty() || suffix.find('/') != std::string::npos) {
    throw s3::Fault("InvalidArgument", "The IndexDocument Suffix is not well formed",
                    {{"ArgumentName", "IndexDocument"}, {"ArgumentValue", suffix}});
  }
  for (const Json& rule : Items(configuration, "RoutingRules")) s3::CheckRule(rule);
}

}  // namespace adhoc::localcloud
