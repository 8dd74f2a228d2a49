// A browser's upload by a form (S3's POST Object), which is in no model: the gateway asks here before it looks for an
// operation.
#pragma once

#include <optional>

#include "localcloud/cloud.h"
#include "net/http_message.h"

namespace adhoc::localcloud {

// For a request in path form; nothing when it is no form that is posted to a bucket.
std::optional<net::Response> AnswerPostForm(Cloud& cloud, const net::Request& request);

}  // namespace adhoc::localcloud
