// Documents as CBOR (RFC 8949), for Smithy's "RPC v2 CBOR" protocol, which current SDKs speak to CloudWatch.
#pragma once

#include <string>
#include <string_view>

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

void WriteCbor(const Member& use, const Json& document, bool strict, std::string& out);
void WriteCborStructure(const Shape& shape, const Json& document, bool strict, std::string& out);
void WriteCborText(std::string_view text, std::string& out);
void WriteCborMapHead(std::size_t entries, std::string& out);

// Any CBOR: byte strings become strings, tags are passed over. Throws CodecError on what is cut off or nests too deep.
Json ParseCbor(std::string_view bytes);
// An empty body is an empty document.
Json ReadCborStructure(const Shape& shape, std::string_view body);

}  // namespace adhoc::aws
