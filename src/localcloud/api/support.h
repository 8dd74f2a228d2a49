// What the handlers of all services share: reading inputs, tags, paging, wildcards. Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "localcloud/api/api.h"

namespace adhoc::localcloud {

using ServiceHandler = Json (*)(Cloud&, Call&);
struct Registration {
  std::string_view operation;
  ServiceHandler handler;
  Effect effect = Effect::kReal;
};
void RegisterHandlers(Api& api, Cloud& cloud, std::string_view service, std::initializer_list<Registration> operations);

// ---- Reading documents. A missing member gives the fallback.

std::string Text(const Json& object, std::string_view key, std::string_view otherwise = "");
bool Flag(const Json& object, std::string_view key, bool otherwise = false);
std::int64_t Number(const Json& object, std::string_view key, std::int64_t otherwise = 0);
// An empty array or object when missing.
const Json& Items(const Json& object, std::string_view key);
const Json& Fields(const Json& object, std::string_view key);
std::vector<std::string> Strings(const Json& object, std::string_view key);
// Copies the members that are there.
void CopyMembers(const Json& from, Json& to, std::initializer_list<const char*> keys);

// ---- Tags: [{Key, Value}]. ECS-style lower-case members through `names`.

struct TagNames {
  const char* key = "Key";
  const char* value = "Value";
};
void MergeTags(Json& tags, const Json& added, TagNames names = {});
void RemoveTags(Json& tags, const Json& keys, TagNames names = {});
// {name: value}
Json TagMap(const Json& tags, TagNames names = {});

// ---- Paging. Tokens name the first item of the next page, so pages stay right while items come and go.

struct Page {
  Json items = Json::array();
  std::string next;  // empty on the last page
};
using KeyedItems = std::vector<std::pair<std::string, Json>>;
// `items` ascend by key. Throws ApiError(`bad_token_code`) for a token that is not ours.
Page TakePage(KeyedItems items, std::int64_t limit, std::string_view token, std::string_view bad_token_code);

// ---- Text.

// '*' any run, '?' any one character; '\' takes the next one literally.
bool MatchesWildcard(std::string_view pattern, std::string_view text);
std::string ToLower(std::string_view text);
bool StartsWith(std::string_view text, std::string_view prefix);
std::string HexEncode(std::string_view bytes);
// Throws std::invalid_argument.
std::string HexDecode(std::string_view hex);
std::string Base64Encode(std::string_view bytes);
// Throws std::invalid_argument.
std::string Base64Decode(std::string_view text);
// 2026-10-01T12:30:00.000Z
std::string IsoTime(double seconds);
// Thu, 01 Oct 2026 12:30:00 GMT
std::string HttpTime(double seconds);

}  // namespace adhoc::localcloud
