// Where rest-xml and rest-json put a document's members: the URI, the query string, headers, the status and the body.
#pragma once

#include <string_view>

#include "aws/model/model.h"
#include "base/json.h"
#include "net/http_message.h"

namespace adhoc::aws {

net::Request EncodeRestRequest(const Service& service, const Operation& operation, const Json& input);
Json DecodeRestRequest(const Service& service, const Operation& operation, const net::Request& request);
net::Response EncodeRestResponse(const Service& service, const Operation& operation, const Json& output);
Json DecodeRestResponse(const Service& service, const Operation& operation, const net::Response& response);

const Operation* RouteRest(const Service& service, const net::Request& request);

}  // namespace adhoc::aws
