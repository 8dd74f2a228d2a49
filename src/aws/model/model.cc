#include "aws/model/model.h"

#include <algorithm>
#include <cctype>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "aws/model/embedded.h"
#include "base/error.h"
#include "base/sync.h"

namespace adhoc::aws {

namespace {

// A service with the storage of its shapes, whose addresses never change.
struct LoadedService {
  Service service;
  std::deque<Shape> shapes;
};

std::string TakeString(Json& record, const char* key) {
  auto it = record.find(key);
  return it == record.end() ? std::string() : std::move(it->get_ref<std::string&>());
}

bool Flag(const Json& record, const char* key) { return record.contains(key); }

Protocol ParseProtocol(const std::string& name) {
  if (name == "json") return Protocol::kJson;
  if (name == "rest-json") return Protocol::kRestJson;
  if (name == "query") return Protocol::kQuery;
  if (name == "ec2") return Protocol::kEc2;
  if (name == "rest-xml") return Protocol::kRestXml;
  throw Error("the embedded models are unusable: unknown protocol " + name);
}

ShapeType ParseType(const std::string& name) {
  static const std::map<std::string, ShapeType> types = {
      {"structure", ShapeType::kStructure}, {"list", ShapeType::kList},          {"map", ShapeType::kMap},
      {"string", ShapeType::kString},       {"blob", ShapeType::kBlob},          {"boolean", ShapeType::kBoolean},
      {"integer", ShapeType::kInteger},     {"long", ShapeType::kLong},          {"float", ShapeType::kFloat},
      {"double", ShapeType::kDouble},       {"timestamp", ShapeType::kTimestamp}};
  return types.at(name);
}

Location ParseLocation(const std::string& name) {
  if (name == "uri") return Location::kUri;
  if (name == "querystring") return Location::kQueryString;
  if (name == "header") return Location::kHeader;
  if (name == "headers") return Location::kHeaders;
  if (name == "statusCode") return Location::kStatusCode;
  return Location::kBody;
}

template <typename Act>
void ForEachLine(std::string_view text, Act act) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty()) act(line);
  }
}

// Where the records of a model are, unparsed. Each begins with its kind and its name: {"k":"shape","n":"Cluster",
struct Lines {
  using ByName = std::unordered_map<std::string_view, std::string_view>;

  explicit Lines(std::string_view text) {
    ForEachLine(text, [&](std::string_view line) {
      const std::string_view kind = Quoted(line, 1);
      const std::string_view name = Quoted(line, 3);
      if (kind == "service") service = line;
      if (kind == "op") operations.emplace(name, line);
      if (kind == "shape") shapes.emplace(name, line);
      if (kind == "pages") pages.emplace(name, line);
    });
  }

  std::string_view service;
  ByName operations;
  ByName shapes;
  ByName pages;  // by operation

 private:
  // The n-th string of the line, counted from 0.
  static std::string_view Quoted(std::string_view line, int n) {
    for (;; --n) {
      line.remove_prefix(line.find('"') + 1);
      const std::size_t end = line.find('"');
      if (n == 0) return line.substr(0, end);
      line.remove_prefix(end + 1);
    }
  }
};

class Loader {
 public:
  Loader(LoadedService& target, std::optional<Protocol> protocol = {})
      : target_(target), service_(target.service), protocol_(protocol) {}

  // One line at a time, so that the whole tree is never in memory.
  void Load(std::string_view text) {
    ForEachLine(text, [&](std::string_view line) { LoadRecord(Json::parse(line)); });
    for (Shape& shape : target_.shapes) Index(shape);
  }

  // The service, one operation and the shapes that it leads to.
  void LoadOnly(const Lines& lines, const std::string& operation) {
    service_.partial = true;
    LoadRecord(Json::parse(lines.service));
    LoadRecord(Json::parse(lines.operations.at(operation)));
    if (const auto pages = lines.pages.find(operation); pages != lines.pages.end()) {
      LoadRecord(Json::parse(pages->second));
    }
    // Each shape may name further ones, which are put at the end.
    for (std::size_t i = 0; i < target_.shapes.size(); ++i) {
      LoadRecord(Json::parse(lines.shapes.at(target_.shapes[i].name)));
    }
    for (Shape& shape : target_.shapes) Index(shape);
  }

 private:
  void LoadRecord(Json record) {
    const std::string kind = TakeString(record, "k");
    if (kind == "shape") {
      LoadShape(record);
    } else if (kind == "op") {
      LoadOperation(record);
    } else if (kind == "service") {
      LoadService(record);
    } else if (kind == "waiter") {
      Waiter waiter{TakeString(record, "op"), record.at("delay"), record.at("max"), std::move(record.at("acceptors"))};
      service_.waiters.emplace(TakeString(record, "n"), std::move(waiter));
    } else if (kind == "pages") {
      Paginator paginator;
      paginator.input_token = record.at("in").get<std::vector<std::string>>();
      paginator.output_token = record.at("out").get<std::vector<std::string>>();
      paginator.more_results = TakeString(record, "more");
      paginator.result_keys = record.at("keys").get<std::vector<std::string>>();
      paginator.limit_key = TakeString(record, "limit");
      service_.paginators.emplace(TakeString(record, "op"), std::move(paginator));
    }
  }

  void LoadService(Json& record) {
    service_.name = TakeString(record, "name");
    service_.protocol = protocol_ ? *protocol_ : ParseProtocol(record.at("protocol"));
    service_.json_version = TakeString(record, "jsonVersion");
    service_.target_prefix = TakeString(record, "targetPrefix");
    service_.api_version = TakeString(record, "apiVersion");
    service_.endpoint_prefix = TakeString(record, "endpointPrefix");
    service_.signing_name = TakeString(record, "signingName");
    service_.xml_namespace = TakeString(record, "xmlNamespace");
    service_.global = record.at("global");
  }

  // Shapes refer to each other in any order, so one named before its own record stands empty until then.
  Shape* Refer(const std::string& name) {
    auto it = service_.shapes.find(name);
    if (it != service_.shapes.end()) return const_cast<Shape*>(it->second);
    Shape& shape = target_.shapes.emplace_back();
    shape.name = name;
    service_.shapes.emplace(name, &shape);
    return &shape;
  }

  Member LoadUse(Json& record) {
    Member member;
    member.shape = Refer(record.at("s").get_ref<const std::string&>());
    member.name = TakeString(record, "n");
    member.location_name = TakeString(record, "l");
    member.query_name = TakeString(record, "q");
    member.timestamp_format = TakeString(record, "ts");
    member.xml_namespace = TakeString(record, "ns");
    member.xml_namespace_prefix = TakeString(record, "nsp");
    if (record.contains("loc")) member.location = ParseLocation(record.at("loc"));
    member.required = Flag(record, "req");
    member.flattened = Flag(record, "flat");
    member.xml_attribute = Flag(record, "attr");
    member.streaming = Flag(record, "stream");
    member.idempotency_token = Flag(record, "token");
    member.sensitive = Flag(record, "secret");
    member.host_label = Flag(record, "host");
    return member;
  }

  void LoadShape(Json& record) {
    Shape& shape = *Refer(TakeString(record, "n"));
    shape.type = ParseType(record.at("t"));
    if (auto it = record.find("m"); it != record.end()) {
      shape.members.reserve(it->size());
      for (Json& member : *it) shape.members.push_back(LoadUse(member));
    }
    if (record.contains("e")) shape.element = LoadUse(record.at("e"));
    if (record.contains("key")) shape.key = LoadUse(record.at("key"));
    if (record.contains("value")) shape.value = LoadUse(record.at("value"));
    shape.location_name = TakeString(record, "l");
    shape.payload = TakeString(record, "payload");
    shape.pattern = TakeString(record, "pattern");
    shape.timestamp_format = TakeString(record, "ts");
    if (record.contains("enum")) shape.enumeration = record.at("enum").get<std::vector<std::string>>();
    if (record.contains("min")) shape.min = record.at("min").get<double>();
    if (record.contains("max")) shape.max = record.at("max").get<double>();
    shape.flattened = Flag(record, "flat");
    shape.streaming = Flag(record, "stream");
    shape.sensitive = Flag(record, "secret");
    shape.exception = Flag(record, "exc");
    shape.fault = Flag(record, "fault");
    if (shape.exception) {
      shape.error_code = record.contains("code") ? TakeString(record, "code") : shape.name;
      shape.error_status = record.value("status", 400);
    }
  }

  void LoadOperation(Json& record) {
    Operation operation;
    operation.name = TakeString(record, "n");
    operation.method = TakeString(record, "method");
    operation.uri = TakeString(record, "uri");
    operation.success_status = record.value("status", 200);
    if (record.contains("in")) {
      operation.input_root = LoadUse(record.at("in"));
      operation.input = operation.input_root.shape;
    }
    if (record.contains("out")) operation.output = LoadUse(record.at("out")).shape;
    operation.result_wrapper = TakeString(record, "wrapper");
    for (const Json& error : record.at("err")) operation.errors.push_back(Refer(error));
    operation.endpoint_prefix = TakeString(record, "host");
    operation.host_prefix = !operation.endpoint_prefix.empty();
    operation.checksum_required = Flag(record, "checksum");
    ParseUri(operation);
    std::string name = operation.name;
    service_.operations.emplace(std::move(name), std::move(operation));
  }

  static void ParseUri(Operation& operation) {
    std::string_view uri = operation.uri;
    std::string_view query;
    if (std::size_t mark = uri.find('?'); mark != std::string_view::npos) {
      query = uri.substr(mark + 1);
      uri = uri.substr(0, mark);
    }
    while (!uri.empty()) {
      uri.remove_prefix(1);  // the slash
      std::string_view text = uri.substr(0, uri.find('/'));
      uri.remove_prefix(text.size());
      UriSegment segment;
      if (text.size() > 2 && text.front() == '{' && text.back() == '}') {
        segment.label = true;
        segment.greedy = text[text.size() - 2] == '+';
        text = text.substr(1, text.size() - (segment.greedy ? 3 : 2));
      }
      segment.text = text;
      // A final slash, as of route53's /rrset/, is no segment of its own.
      if (!text.empty() || !uri.empty()) operation.path.push_back(std::move(segment));
    }
    while (!query.empty()) {
      std::string_view item = query.substr(0, query.find('&'));
      query.remove_prefix(std::min(query.size(), item.size() + 1));
      std::size_t equals = item.find('=');
      operation.query.emplace_back(item.substr(0, equals),
                                   equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1));
    }
  }

  void Index(Shape& shape) {
    for (const Member& member : shape.members) {
      shape.by_name.push_back(&member);
      shape.by_query_name.emplace_back(QueryName(member, service_.protocol), &member);
      if (member.location == Location::kBody) shape.by_body_name.emplace_back(XmlName(member), &member);
    }
    std::sort(shape.by_name.begin(), shape.by_name.end(),
              [](const Member* a, const Member* b) { return a->name < b->name; });
    std::sort(shape.by_body_name.begin(), shape.by_body_name.end());
    std::sort(shape.by_query_name.begin(), shape.by_query_name.end());
  }

  LoadedService& target_;
  Service& service_;
  std::optional<Protocol> protocol_;  // instead of the model's
};

const Member* FindWireName(const std::vector<std::pair<std::string, const Member*>>& names, std::string_view name) {
  auto it = std::lower_bound(names.begin(), names.end(), name,
                             [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  return it != names.end() && it->first == name ? it->second : nullptr;
}

struct Slot {
  std::once_flag once;
  LoadedService loaded;
};

std::string_view TextOf(const EmbeddedModel& model) {
  return {model.begin, static_cast<std::size_t>(model.end - model.begin)};
}

const Lines& LinesOf(const EmbeddedModel& model) {
  struct Read {
    std::once_flag once;
    std::optional<Lines> lines;
  };
  static std::vector<Read> all(kEmbeddedModelCount);
  Read& read = all[static_cast<std::size_t>(&model - kEmbeddedModels)];
  std::call_once(read.once, [&] { read.lines.emplace(TextOf(model)); });
  return *read.lines;
}

const EmbeddedModel* FindModel(std::string_view name) {
  const auto* end = kEmbeddedModels + kEmbeddedModelCount;
  const auto* found =
      std::find_if(kEmbeddedModels, end, [&](const EmbeddedModel& model) { return name == model.name; });
  return found == end ? nullptr : found;
}

[[noreturn]] void ThrowNoService(std::string_view name) {
  throw Error("no model of the service " + std::string(name) + ": it is not embedded",
              "add it to models/operations.txt");
}

[[noreturn]] void ThrowNoOperation(std::string_view service, std::string_view operation) {
  throw Error(
      "the model of " + std::string(service) + " has no operation " + std::string(operation) + ": it is not embedded",
      "add it to models/operations.txt");
}

}  // namespace

const std::string& XmlName(const Member& member) {
  if (member.flattened && member.shape->type == ShapeType::kList && !member.shape->element.location_name.empty()) {
    return member.shape->element.location_name;
  }
  return member.wire_name();
}

std::string QueryName(const Member& member, Protocol protocol) {
  if (protocol != Protocol::kEc2) return XmlName(member);
  if (!member.query_name.empty()) return member.query_name;
  std::string name = member.wire_name();
  if (!member.location_name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

const Member* Shape::FindMember(std::string_view member_name) const {
  auto it = std::lower_bound(by_name.begin(), by_name.end(), member_name,
                             [](const Member* member, std::string_view wanted) { return member->name < wanted; });
  return it != by_name.end() && (*it)->name == member_name ? *it : nullptr;
}

const Member* Shape::FindBodyName(std::string_view wire_name) const { return FindWireName(by_body_name, wire_name); }

const Member* Shape::FindQueryName(std::string_view wire_name) const { return FindWireName(by_query_name, wire_name); }

const Operation* Service::FindOperation(std::string_view operation) const {
  auto it = operations.find(operation);
  return it == operations.end() ? nullptr : &it->second;
}

const Operation& Service::GetOperation(std::string_view operation) const {
  const Operation* found = FindOperation(operation);
  if (found == nullptr) ThrowNoOperation(name, operation);
  return *found;
}

const Shape* Service::FindError(std::string_view code) const {
  // By name first: an exception's shape is mostly called as its code is, and a code may serve several shapes.
  auto it = shapes.find(code);
  if (it != shapes.end() && it->second->exception && it->second->error_code == code) return it->second;
  for (const auto& [shape_name, shape] : shapes) {
    if (shape->exception && shape->error_code == code) return shape;
  }
  // Operations answer errors that their models don't list.
  return partial ? GetService(name).FindError(code) : nullptr;
}

const Service* FindService(std::string_view name) {
  static std::vector<Slot> slots(kEmbeddedModelCount);
  const EmbeddedModel* model = FindModel(name);
  if (model == nullptr) return nullptr;
  Slot& slot = slots[static_cast<std::size_t>(model - kEmbeddedModels)];
  std::call_once(slot.once, [&] { Loader(slot.loaded).Load(TextOf(*model)); });
  return &slot.loaded.service;
}

const Service& GetService(std::string_view name) {
  const Service* service = FindService(name);
  if (service == nullptr) ThrowNoService(name);
  return *service;
}

const Service& GetServiceFor(std::string_view name, std::string_view operation) {
  static Sync<std::map<std::pair<std::string, std::string>, Slot>> slots;
  Slot& slot = (*slots.lock())[{std::string(name), std::string(operation)}];
  std::call_once(slot.once, [&] {
    const EmbeddedModel* model = FindModel(name);
    if (model == nullptr) ThrowNoService(name);
    const Lines& lines = LinesOf(*model);
    if (!lines.operations.contains(operation)) ThrowNoOperation(name, operation);
    Loader(slot.loaded).LoadOnly(lines, std::string(operation));
  });
  return slot.loaded.service;
}

const Service& GetServiceIn(std::string_view name, Protocol protocol) {
  const Service& service = GetService(name);
  if (service.protocol == protocol) return service;
  static Sync<std::map<std::pair<std::string, Protocol>, LoadedService>> others;
  auto loaded = others.lock();
  auto [it, added] = loaded->try_emplace({service.name, protocol});
  if (added) Loader(it->second, protocol).Load(TextOf(*FindModel(name)));
  return it->second.service;
}

const std::vector<std::string>& EmbeddedServices() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < kEmbeddedModelCount; ++i) result.emplace_back(kEmbeddedModels[i].name);
    return result;
  }();
  return names;
}

bool HasOperation(std::string_view service, std::string_view operation) {
  const EmbeddedModel* model = FindModel(service);
  return model != nullptr &&
         std::string_view(model->operations).find(" " + std::string(operation) + " ") != std::string_view::npos;
}

const std::vector<ServiceSummary>& EmbeddedServiceSummaries() {
  static const std::vector<ServiceSummary> summaries = [] {
    std::vector<ServiceSummary> result;
    for (std::size_t i = 0; i < kEmbeddedModelCount; ++i) {
      const EmbeddedModel& model = kEmbeddedModels[i];
      result.push_back({model.name, model.target_prefix, model.signing_name, model.endpoint_prefix, model.api_version});
    }
    return result;
  }();
  return summaries;
}

}  // namespace adhoc::aws
