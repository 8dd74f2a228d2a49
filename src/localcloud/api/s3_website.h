// Static websites: S3's website endpoints (S3 User Guide, "Hosting a static website"), which answer browsers with index
// and error documents, redirects and HTML instead of XML. Objects are read as anybody reads them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "net/http_message.h"

namespace adhoc::localcloud {

// The bucket whose website a request is for, by its host name: `bucket.s3-website.localhost`,
// `bucket.s3-website-us-east-1.amazonaws.com`, or, as for a domain that points to S3, the name of a bucket that has
// one.
std::optional<std::string> WebsiteOf(Store& store, const net::Request& request);

// `rest` answers a request in path form as S3's REST API does.
net::Response AnswerWebsite(Store& store, const std::string& bucket, const net::Request& request,
                            const std::function<net::Response(const net::Request&)>& rest);

// Throws ApiError for a WebsiteConfiguration that S3 refuses.
void CheckWebsite(const Json& configuration);

}  // namespace adhoc::localcloud
