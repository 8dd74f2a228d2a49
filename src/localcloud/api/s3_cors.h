// The browser's question before it sends a request across origins (CORS preflight), which no S3 operation answers.
#pragma once

#include "localcloud/cloud.h"
#include "net/http_message.h"

namespace adhoc::localcloud {

// For an OPTIONS request in path form.
net::Response AnswerPreflight(Cloud& cloud, const net::Request& request);

}  // namespace adhoc::localcloud
