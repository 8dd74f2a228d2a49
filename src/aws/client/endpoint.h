// Where a request of a service goes. Pure; thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "aws/model/model.h"
#include "net/http_message.h"
#include "net/uri.h"

namespace adhoc::aws {

// Reads an environment variable.
using EnvironmentReader = std::function<std::optional<std::string>(std::string_view name)>;
EnvironmentReader ProcessEnvironment();

struct Endpoint {
  net::Uri uri;
  bool custom = false;         // not AWS's own: no host prefixes, no virtual hosts
  std::string signing_region;  // us-east-1 for global services
};

// The URLs of a profile in the shared files: by service, as its section of services names it (ecs, cloudwatch_logs),
// and under "" that of all others.
using ProfileEndpoints = std::map<std::string, std::string, std::less<>>;

// `configured` first, then AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's, and AWS's own endpoint:
// botocore's order. Throws Error when the one that counts is no URL.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
Endpoint ResolveEndpoint(const Service& service, std::string_view region, std::string_view configured,
                         const EnvironmentReader& environment, const ProfileEndpoints& profile = {});

// Completes an encoded request for the endpoint: the host, the endpoint's own path, and for AWS's S3 the bucket as a
// part of the host where its name allows. Returns the origin to send to.
net::Uri PlaceRequest(const Service& service, const Operation& operation, const Endpoint& endpoint,
                      net::Request& request);

}  // namespace adhoc::aws
