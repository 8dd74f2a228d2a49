// Documents as JSON bodies, for the json and rest-json protocols.
#pragma once

#include <string>
#include <string_view>

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

// Appends the document. `strict`: members unknown to the model throw CodecError instead of being left out.
void WriteJson(const Member& use, const Json& document, bool strict, std::string& out);
void WriteJsonStructure(const Shape& shape, const Json& document, bool strict, std::string& out);
void WriteJsonString(std::string_view text, std::string& out);

// Any JSON text, refused when it nests too deep.
Json ParseJson(std::string_view text);
// Members of the body only; an empty body is an empty document.
Json ReadJsonStructure(const Shape& shape, std::string_view body);
// Makes a document of parsed JSON (or of parsed CBOR, whose blobs are bytes already).
enum class BlobForm { kBase64, kBytes };
Json FromJson(const Member& use, Json value, BlobForm blobs = BlobForm::kBase64);

}  // namespace adhoc::aws
