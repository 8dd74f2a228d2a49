// Where S3 departs from its own model.
#pragma once

#include <string_view>

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

constexpr char kXmlDeclaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

// The root element of a response body, which the model does not name.
std::string_view S3RootName(const Operation& operation);

// GetBucketLocation answers with the region as the text of its root.
bool IsLocationConstraint(const Operation& operation);

// A listing asked for with encoding-type=url has its keys and prefixes percent-encoded on the wire, so that they may
// hold characters which XML cannot. Documents always hold the plain keys; the listing's EncodingType says how they
// travel.
bool S3KeysAreUrlEncoded(const Json& listing);
void UrlEncodeS3Keys(Json& listing);
void UrlDecodeS3Keys(Json& listing);

}  // namespace adhoc::aws
