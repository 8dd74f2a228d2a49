// CloudWatch Logs. Groups and streams are documents; events are in the LogStore, and are read before the transaction.
#include <algorithm>
#include <charconv>

#include "localcloud/api/log_filter.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kGroups = "logs.groups";
constexpr std::string_view kStreams = "logs.streams";  // key: group \n stream

constexpr std::int64_t kDayMs = 24 * 3600 * 1000;
constexpr std::int64_t kMaxBatchBytes = 1'048'576;
constexpr std::int64_t kBytesPerEvent = 26;

std::int64_t NowMs(Cloud& cloud) { return static_cast<std::int64_t>(cloud.Now() * 1000); }

std::string StreamKey(const std::string& group, const std::string& stream) { return group + "\n" + stream; }

ApiError GroupNotFound() { return {"ResourceNotFoundException", "The specified log group does not exist."}; }
ApiError StreamNotFound() { return {"ResourceNotFoundException", "The specified log stream does not exist."}; }

// A group's name from a name or an ARN, with or without its `:*`.
std::string GroupName(std::string identifier) {
  const auto at = identifier.find(":log-group:");
  if (!StartsWith(identifier, "arn:") || at == std::string::npos) return identifier;
  identifier = identifier.substr(at + 11);
  return identifier.substr(0, identifier.find(':'));
}

std::string GroupOf(const Json& input) {
  return GroupName(Text(input, "logGroupIdentifier", Text(input, "logGroupName")));
}

Json& EditGroup(Call& call, const std::string& name) {
  if (call.txn.Find(kGroups, name) == nullptr) throw GroupNotFound();
  return call.txn.Edit(kGroups, name);
}

// ---- Groups

Json CreateLogGroup(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "logGroupName");
  if (call.txn.Find(kGroups, name) != nullptr) {
    throw ApiError("ResourceAlreadyExistsException", "The specified log group already exists");
  }
  Json group{{"logGroupName", name},
             {"creationTime", NowMs(cloud)},
             {"metricFilterCount", 0},
             {"arn", cloud.Arn("logs", "log-group:" + name + ":*")},
             {"logGroupArn", cloud.Arn("logs", "log-group:" + name)},
             {"logGroupClass", Text(call.input, "logGroupClass", "STANDARD")},
             {"storedBytes", 0},
             {"_tags", Fields(call.input, "tags")}};
  CopyMembers(call.input, group, {"kmsKeyId"});
  call.txn.Put(kGroups, name, std::move(group));
  return Json::object();
}

std::vector<std::string> StreamsOf(const Call& call, const std::string& group) {
  std::vector<std::string> keys;
  const std::string prefix = group + "\n";
  const auto& all = call.txn.All(kStreams);
  for (auto it = all.lower_bound(prefix); it != all.end() && StartsWith(it->first, prefix); ++it)
    keys.push_back(it->first);
  return keys;
}

Json DeleteLogGroup(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "logGroupName");
  if (!call.txn.Erase(kGroups, name)) throw GroupNotFound();
  for (const auto& key : StreamsOf(call, name)) call.txn.Erase(kStreams, key);
  cloud.logs.DeleteGroup(name);
  return Json::object();
}

Json DescribeLogGroups(Cloud&, Call& call) {
  const std::string prefix = Text(call.input, "logGroupNamePrefix");
  const std::string pattern = Text(call.input, "logGroupNamePattern");
  if (!prefix.empty() && !pattern.empty()) {
    throw ApiError("InvalidParameterException",
                   "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
  }
  KeyedItems items;
  for (const auto& [name, group] : call.txn.All(kGroups)) {
    if (StartsWith(name, prefix) && name.find(pattern) != std::string::npos) items.emplace_back(name, group);
  }
  Page page = TakePage(std::move(items), Number(call.input, "limit", 50), Text(call.input, "nextToken"),
                       "InvalidParameterException");
  Json output{{"logGroups", std::move(page.items)}};
  if (!page.next.empty()) output["nextToken"] = page.next;
  return output;
}

Json PutRetentionPolicy(Cloud&, Call& call) {
  static constexpr int kDays[] = {1,   3,   5,   7,   14,   30,   60,   90,   120,  150,  180,
                                  365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};
  const auto days = Number(call.input, "retentionInDays");
  Json& group = EditGroup(call, Text(call.input, "logGroupName"));
  if (std::find(std::begin(kDays), std::end(kDays), days) == std::end(kDays)) {
    throw ApiError("InvalidParameterException",
                   "1 validation error detected: Value '" + std::to_string(days) +
                       "' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, "
                       "3, 5, 7, 14, 30, 60, 90, "
                       "120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]");
  }
  group["retentionInDays"] = days;
  return Json::object();
}

Json DeleteRetentionPolicy(Cloud&, Call& call) {
  EditGroup(call, Text(call.input, "logGroupName")).erase("retentionInDays");
  return Json::object();
}

// ---- Tags: by name (older) and by ARN

Json& TagsOf(Call& call) {
  const std::string name = GroupName(Text(call.input, "resourceArn", Text(call.input, "logGroupName")));
  if (call.txn.Find(kGroups, name) == nullptr)
    throw ApiError("ResourceNotFoundException", "The specified resource does not exist.");
  return call.txn.Edit(kGroups, name)["_tags"];
}

Json Tag(Cloud&, Call& call) {
  TagsOf(call).update(Fields(call.input, "tags"));
  return Json::object();
}

Json Untag(Cloud&, Call& call) {
  Json& tags = TagsOf(call);
  for (const char* member : {"tagKeys", "tags"}) {
    for (const auto& key : Strings(call.input, member)) tags.erase(key);
  }
  return Json::object();
}

Json ListTags(Cloud&, Call& call) { return {{"tags", TagsOf(call)}}; }

// ---- Streams

Json CreateLogStream(Cloud& cloud, Call& call) {
  const std::string group = Text(call.input, "logGroupName");
  const std::string stream = Text(call.input, "logStreamName");
  if (call.txn.Find(kGroups, group) == nullptr) throw GroupNotFound();
  const std::string key = StreamKey(group, stream);
  if (call.txn.Find(kStreams, key) != nullptr) {
    throw ApiError("ResourceAlreadyExistsException", "The specified log stream already exists");
  }
  call.txn.Put(kStreams, key,
               {{"logStreamName", stream},
                {"creationTime", NowMs(cloud)},
                {"arn", cloud.Arn("logs", "log-group:" + group + ":log-stream:" + stream)},
                {"uploadSequenceToken", "1"},
                {"storedBytes", 0}});
  return Json::object();
}

Json DeleteLogStream(Cloud& cloud, Call& call) {
  const std::string group = Text(call.input, "logGroupName");
  const std::string stream = Text(call.input, "logStreamName");
  if (call.txn.Find(kGroups, group) == nullptr) throw GroupNotFound();
  if (!call.txn.Erase(kStreams, StreamKey(group, stream))) throw StreamNotFound();
  cloud.logs.DeleteStream(group, stream);
  return Json::object();
}

Json DescribeLogStreams(Cloud&, Call& call) {
  const std::string group = GroupOf(call.input);
  if (call.txn.Find(kGroups, group) == nullptr) throw GroupNotFound();
  const std::string prefix = Text(call.input, "logStreamNamePrefix");
  const bool by_time = Text(call.input, "orderBy") == "LastEventTime";
  if (by_time && !prefix.empty()) {
    throw ApiError("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.");
  }
  KeyedItems items;
  for (const auto& key : StreamsOf(call, group)) {
    const Json& stream = *call.txn.Find(kStreams, key);
    const std::string name = Text(stream, "logStreamName");
    if (!StartsWith(name, prefix)) continue;
    std::string order = name;
    if (by_time) {
      order = std::to_string(Number(stream, "lastEventTimestamp"));
      order.insert(0, 20 - order.size(), '0');
      order += name;
    }
    items.emplace_back(std::move(order), stream);
  }
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (Flag(call.input, "descending")) {
    std::reverse(items.begin(), items.end());
    // TakePage wants ascending keys.
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string number = std::to_string(i);
      items[i].first = std::string(10 - number.size(), '0') + number;
    }
  }
  Page page = TakePage(std::move(items), Number(call.input, "limit", 50), Text(call.input, "nextToken"),
                       "InvalidParameterException");
  Json output{{"logStreams", std::move(page.items)}};
  if (!page.next.empty()) output["nextToken"] = page.next;
  return output;
}

// ---- Events

Json PutLogEvents(Cloud& cloud, Call& call) {
  const std::string group = Text(call.input, "logGroupName");
  const std::string stream = Text(call.input, "logStreamName");
  const Json* group_document = call.txn.Find(kGroups, group);
  if (group_document == nullptr) throw GroupNotFound();
  const std::string key = StreamKey(group, stream);
  if (call.txn.Find(kStreams, key) == nullptr) throw StreamNotFound();
  const Json& events = Items(call.input, "logEvents");
  const std::int64_t now = NowMs(cloud);
  const std::int64_t oldest = now - 14 * kDayMs;
  const std::int64_t expired = group_document->contains("retentionInDays")
                                   ? now - Number(*group_document, "retentionInDays") * kDayMs
                                   : INT64_MIN;

  std::int64_t bytes = 0;
  std::int64_t last = INT64_MIN;
  std::int64_t first = INT64_MAX;
  std::vector<LogEvent> accepted;
  std::int64_t too_new = -1;
  std::int64_t too_old = -1;
  std::int64_t too_expired = -1;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::string message = Text(events[i], "message");
    const std::int64_t timestamp = Number(events[i], "timestamp");
    bytes += static_cast<std::int64_t>(message.size()) + kBytesPerEvent;
    if (timestamp < last) {
      throw ApiError("InvalidParameterException",
                     "Log events in a single PutLogEvents request must be in chronological order.");
    }
    last = timestamp;
    first = std::min(first, timestamp);
    const auto index = static_cast<std::int64_t>(i);
    if (timestamp > now + 2 * 3600 * 1000) {
      if (too_new < 0) too_new = index;
    } else if (timestamp < oldest) {
      too_old = index + 1;
    } else if (timestamp < expired) {
      too_expired = index + 1;
    } else {
      accepted.push_back({.timestamp_ms = timestamp, .ingestion_ms = now, .message = message, .stream = "", .id = 0});
    }
  }
  if (bytes > kMaxBatchBytes) {
    throw ApiError("InvalidParameterException",
                   "Upload too large: " + std::to_string(bytes) + " bytes exceeds limit of 1048576");
  }
  if (!events.empty() && last - first > kDayMs) {
    throw ApiError("InvalidParameterException",
                   "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
  Json& document = call.txn.Edit(kStreams, key);
  if (!accepted.empty()) {
    cloud.logs.Append(group, stream, accepted);
    const auto [low, high] =
        std::minmax_element(accepted.begin(), accepted.end(),
                            [](const LogEvent& a, const LogEvent& b) { return a.timestamp_ms < b.timestamp_ms; });
    document["firstEventTimestamp"] = std::min(Number(document, "firstEventTimestamp", INT64_MAX), low->timestamp_ms);
    document["lastEventTimestamp"] = std::max(Number(document, "lastEventTimestamp", INT64_MIN), high->timestamp_ms);
    document["lastIngestionTime"] = now;
  }
  Json rejected = Json::object();
  if (too_new >= 0) rejected["tooNewLogEventStartIndex"] = too_new;
  if (too_old >= 0) rejected["tooOldLogEventEndIndex"] = too_old;
  if (too_expired >= 0) rejected["expiredLogEventEndIndex"] = too_expired;
  Json output{{"nextSequenceToken", "1"}};
  if (!rejected.empty()) output["rejectedLogEventsInfo"] = std::move(rejected);
  return output;
}

Json EventAnswer(const LogEvent& event) {
  return {{"timestamp", event.timestamp_ms}, {"ingestionTime", event.ingestion_ms}, {"message", event.message}};
}

// GetLogEvents' tokens are positions between events: `f/<id>` reads on after that event, `b/<id>` before it. At an end
// the token that was sent comes back, which is how clients know.
struct EventPage {
  std::vector<LogEvent> events;
  std::string forward;
  std::string backward;
};

std::string PositionToken(char direction, std::int64_t id) {
  std::string digits = std::to_string(id);
  digits.insert(0, 56 - std::min<std::size_t>(56, digits.size()), '0');
  return std::string(1, direction) + "/" + digits + "/s";
}

std::int64_t ParsePosition(const std::string& token, char& direction) {
  std::int64_t id = 0;
  const auto first = token.find_first_not_of('0', 2);
  const char* end = token.data() + token.size() - 2;
  if (token.size() != 60 || (token[0] != 'f' && token[0] != 'b') || token[1] != '/' || !token.ends_with("/s")) {
    throw ApiError("InvalidParameterException", "The specified nextToken is invalid.");
  }
  direction = token[0];
  if (first < token.size() - 2) {
    const auto [stop, error] = std::from_chars(token.data() + first, end, id);
    if (error != std::errc() || stop != end)
      throw ApiError("InvalidParameterException", "The specified nextToken is invalid.");
  }
  return id;
}

EventPage ReadPage(Cloud& cloud, const Json& input) {
  LogStore::Query query;
  query.group = GroupOf(input);
  query.streams = {Text(input, "logStreamName")};
  if (input.contains("startTime")) query.start_ms = Number(input, "startTime");
  if (input.contains("endTime")) query.end_ms = Number(input, "endTime");
  query.limit = static_cast<int>(Number(input, "limit", 10000));
  const std::string token = Text(input, "nextToken");
  char direction = Flag(input, "startFromHead") ? 'f' : 'b';
  std::int64_t position = 0;
  if (!token.empty()) {
    position = ParsePosition(token, direction);
    if (direction == 'f') {
      query.after_id = position;
    } else {
      query.before_id = position;
    }
  }
  query.descending = direction == 'b';
  EventPage page{.events = cloud.logs.Read(query), .forward = "", .backward = ""};
  if (page.events.empty()) {
    // At the end that was walked to: that token stays; the other one turns round.
    page.forward = PositionToken('f', token.empty() ? 0 : direction == 'f' ? position : position - 1);
    page.backward = PositionToken('b', token.empty() ? 0 : direction == 'b' ? position : position + 1);
  } else {
    page.forward = PositionToken('f', page.events.back().id);
    page.backward = PositionToken('b', page.events.front().id);
  }
  return page;
}

Json GetLogEvents(Cloud&, Call& call) {
  const std::string group = GroupOf(call.input);
  if (call.txn.Find(kGroups, group) == nullptr) throw GroupNotFound();
  if (call.txn.Find(kStreams, StreamKey(group, Text(call.input, "logStreamName"))) == nullptr) throw StreamNotFound();
  const auto& page = std::any_cast<const EventPage&>(call.prepared);
  Json events = Json::array();
  for (const auto& event : page.events) events.push_back(EventAnswer(event));
  return {{"events", std::move(events)}, {"nextForwardToken", page.forward}, {"nextBackwardToken", page.backward}};
}

struct FilteredPage {
  std::vector<LogEvent> events;
  std::string next;
};

FilteredPage ReadFiltered(Cloud& cloud, const Json& input) {
  const FilterPattern pattern(Text(input, "filterPattern"));
  LogStore::Query query;
  query.group = GroupOf(input);
  query.streams = Strings(input, "logStreamNames");
  query.stream_prefix = Text(input, "logStreamNamePrefix");
  if (input.contains("startTime")) query.start_ms = Number(input, "startTime");
  // FilterLogEvents includes its end, GetLogEvents does not.
  if (input.contains("endTime")) query.end_ms = Number(input, "endTime") + 1;
  query.contains = pattern.FirstRequired();
  const auto limit = static_cast<std::size_t>(Number(input, "limit", 10000));
  if (const std::string token = Text(input, "nextToken"); !token.empty()) {
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), query.after_id);
    if (error != std::errc() || end != token.data() + token.size()) {
      throw ApiError("InvalidParameterException", "The specified nextToken is invalid.");
    }
  }
  FilteredPage page;
  for (;;) {
    query.limit = 10000;
    const auto batch = cloud.logs.Read(query);
    for (const auto& event : batch) {
      if (!pattern.Matches(event.message)) continue;
      if (page.events.size() == limit) {
        page.next = std::to_string(page.events.back().id);
        return page;
      }
      page.events.push_back(event);
    }
    if (static_cast<int>(batch.size()) < query.limit) return page;
    query.after_id = batch.back().id;
  }
}

Json FilterLogEvents(Cloud&, Call& call) {
  const std::string group = GroupOf(call.input);
  if (call.txn.Find(kGroups, group) == nullptr) throw GroupNotFound();
  if (call.input.contains("logStreamNames") && call.input.contains("logStreamNamePrefix")) {
    throw ApiError("InvalidParameterException",
                   "LogStreamNamePrefix and LogStreamNames are mutually exclusive parameters.");
  }
  for (const auto& stream : Strings(call.input, "logStreamNames")) {
    if (call.txn.Find(kStreams, StreamKey(group, stream)) == nullptr) throw StreamNotFound();
  }
  const auto& page = std::any_cast<const FilteredPage&>(call.prepared);
  Json events = Json::array();
  for (const auto& event : page.events) {
    Json answer = EventAnswer(event);
    answer["logStreamName"] = event.stream;
    std::string id = std::to_string(event.id);
    id.insert(0, 56 - id.size(), '0');
    answer["eventId"] = std::move(id);
    events.push_back(std::move(answer));
  }
  Json output{{"events", std::move(events)}, {"searchedLogStreams", Json::array()}};
  if (!page.next.empty()) output["nextToken"] = page.next;
  return output;
}

}  // namespace

void RegisterLogs(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "logs",
                   {{"CreateLogGroup", CreateLogGroup},
                    {"CreateLogStream", CreateLogStream},
                    {"DeleteLogGroup", DeleteLogGroup},
                    {"DeleteLogStream", DeleteLogStream},
                    {"DeleteRetentionPolicy", DeleteRetentionPolicy, Effect::kRecorded},
                    {"DescribeLogGroups", DescribeLogGroups},
                    {"DescribeLogStreams", DescribeLogStreams},
                    {"FilterLogEvents", FilterLogEvents},
                    {"GetLogEvents", GetLogEvents},
                    {"ListTagsForResource", ListTags},
                    {"ListTagsLogGroup", ListTags},
                    {"PutLogEvents", PutLogEvents},
                    {"PutRetentionPolicy", PutRetentionPolicy, Effect::kRecorded},
                    {"TagLogGroup", Tag},
                    {"TagResource", Tag},
                    {"UntagLogGroup", Untag},
                    {"UntagResource", Untag}});
  api.SetPrepare("logs", "GetLogEvents",
                 [&cloud](const Json& input, const net::Request&) -> std::any { return ReadPage(cloud, input); });
  api.SetPrepare("logs", "FilterLogEvents",
                 [&cloud](const Json& input, const net::Request&) -> std::any { return ReadFiltered(cloud, input); });
}

}  // namespace adhoc::localcloud
