#include "aws/codec/query_codec.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>
#include <vector>

#include "aws/codec/values.h"
#include "net/uri.h"

namespace adhoc::aws {

namespace {

class FormWriter {
 public:
  explicit FormWriter(Protocol protocol) : ec2_(protocol == Protocol::kEc2), protocol_(protocol) {}

  void Add(std::string_view key, std::string_view value) {
    if (!out_.empty()) out_ += '&';
    out_ += net::PercentEncode(key);
    out_ += '=';
    out_ += net::PercentEncode(value);
  }

  void WriteStructure(const Shape& shape, const Json::object_t& document) {
    const std::size_t length = prefix_.size();
    ForEachMember(shape, document, true, [&](const Member& member, const Json& value) {
      if (length != 0) prefix_ += '.';
      prefix_ += QueryName(member, protocol_);
      Write(member, value);
      prefix_.resize(length);
    });
  }

  std::string Take() { return std::move(out_); }

 private:
  void Write(const Member& use, const Json& value) {
    switch (use.shape->type) {
      case ShapeType::kStructure:
        WriteStructure(*use.shape, ObjectOf(use, value));
        return;
      case ShapeType::kList:
        WriteList(use, value);
        return;
      case ShapeType::kMap:
        WriteMap(use, value);
        return;
      default:
        Add(prefix_, FormatScalar(use, value, TimestampFormat::kIso8601));
    }
  }

  void WriteList(const Member& use, const Json& value) {
    const auto& items = ArrayOf(use, value);
    // The query protocol has a way to say "empty list"; ec2 has none.
    if (items.empty() && !ec2_) Add(prefix_, "");
    const std::size_t length = prefix_.size();
    const Member& element = use.shape->element;
    if (!ec2_ && !use.flattened) {
      prefix_ += '.';
      prefix_ += element.location_name.empty() ? std::string_view("member") : std::string_view(element.location_name);
    }
    WriteNumbered(items, [&](const Json& item) { Write(element, item); });
    prefix_.resize(length);
  }

  void WriteMap(const Member& use, const Json& value) {
    const std::size_t length = prefix_.size();
    if (!use.flattened) prefix_ += ".entry";
    const Member& key_use = use.shape->key;
    const Member& value_use = use.shape->value;
    WriteNumbered(ObjectOf(use, value), [&](const auto& entry) {
      const std::size_t entry_length = prefix_.size();
      prefix_ += '.';
      prefix_ += key_use.location_name.empty() ? std::string_view("key") : std::string_view(key_use.location_name);
      Add(prefix_, entry.first);
      prefix_.resize(entry_length);
      prefix_ += '.';
      prefix_ +=
          value_use.location_name.empty() ? std::string_view("value") : std::string_view(value_use.location_name);
      Write(value_use, entry.second);
      prefix_.resize(entry_length);
    });
    prefix_.resize(length);
  }

  template <typename Items, typename Visit>
  void WriteNumbered(const Items& items, Visit visit) {
    const std::size_t length = prefix_.size();
    int number = 0;
    for (const auto& item : items) {
      prefix_ += '.';
      prefix_ += std::to_string(++number);
      visit(item);
      prefix_.resize(length);
    }
  }

  bool ec2_;
  Protocol protocol_;
  std::string prefix_;
  std::string out_;
};

using Parameters = std::span<const std::pair<std::string, std::string>>;

// Reads a sorted range of parameters, all of which begin with the same `prefix` characters.
class FormReader {
 public:
  explicit FormReader(Protocol protocol) : ec2_(protocol == Protocol::kEc2) {}

  Json ReadStructure(const Shape& shape, Parameters parameters, std::size_t prefix, int depth) {
    if (depth > kMaxDepth) throw CodecError("the parameters nest too deep");
    Json document = Json::object();
    ForEachComponent(parameters, prefix, [&](std::string_view component, Parameters group, std::size_t next) {
      const Member* member = shape.FindQueryName(component);
      if (member == nullptr) return;
      Json value = Read(*member, group, next, depth);
      if (!value.is_null()) document[member->name] = std::move(value);
    });
    return document;
  }

 private:
  // Groups the parameters by the next part of their names. visit(part, group, length of the names up to the part's
  // end). The exact name sorts before everything under it but perhaps not beside it, so it comes as a group of its own.
  template <typename Visit>
  static void ForEachComponent(Parameters parameters, std::size_t prefix, Visit visit) {
    for (std::size_t i = 0; i < parameters.size();) {
      const std::string& name = parameters[i].first;
      if (prefix >= name.size()) {
        ++i;
        continue;
      }
      const std::size_t dot = name.find('.', prefix);
      std::size_t end = i + 1;
      std::size_t next = name.size();
      if (dot == std::string::npos) {
        while (end < parameters.size() && parameters[end].first == name) ++end;
      } else {
        next = dot + 1;
        const std::string_view head = std::string_view(name).substr(0, next);
        while (end < parameters.size() && parameters[end].first.starts_with(head)) ++end;
      }
      visit(std::string_view(name).substr(prefix, dot == std::string::npos ? dot : dot - prefix),
            parameters.subspan(i, end - i), next);
      i = end;
    }
  }

  static bool IsExact(Parameters group, std::size_t prefix) { return group.front().first.size() == prefix; }

  // Null for what stands for nothing.
  Json Read(const Member& use, Parameters group, std::size_t prefix, int depth) {
    const bool exact = IsExact(group, prefix) && !group.front().first.ends_with('.');
    switch (use.shape->type) {
      case ShapeType::kStructure:
        return exact ? Json() : ReadStructure(*use.shape, group, prefix, depth + 1);
      case ShapeType::kList:
        if (exact) {
          if (!group.front().second.empty()) ThrowWrongType(use, group.front().second);
          return Json::array();
        }
        return ReadList(use, group, prefix, depth + 1);
      case ShapeType::kMap:
        return exact ? Json::object() : ReadMap(use, group, prefix, depth + 1);
      default:
        if (!exact) throw CodecError("Start of structure or map found where not expected, at " + use.name);
        return ParseScalar(use, group.front().second);
    }
  }

  struct Numbered {
    std::uint32_t number;
    Parameters group;
    std::size_t next;
  };

  // The groups under .1, .2, …, by number; gaps close up.
  static std::vector<Numbered> ReadNumbers(Parameters group, std::size_t prefix) {
    std::vector<Numbered> items;
    ForEachComponent(group, prefix, [&](std::string_view component, Parameters inner, std::size_t next) {
      std::uint32_t number = 0;
      auto [end, error] = std::from_chars(component.data(), component.data() + component.size(), number);
      if (error != std::errc() || end != component.data() + component.size()) {
        throw CodecError("a list is numbered with " + std::string(component.substr(0, 60)) + ", which is no number");
      }
      items.push_back({number, inner, next});
    });
    std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
    return items;
  }

  Json ReadList(const Member& use, Parameters group, std::size_t prefix, int depth) {
    const Member& element = use.shape->element;
    Json list = Json::array();
    auto read_items = [&](Parameters items, std::size_t at) {
      for (const Numbered& item : ReadNumbers(items, at)) {
        Json value = Read(element, item.group, item.next, depth);
        list.push_back(value.is_null() ? Json::object() : std::move(value));
      }
    };
    if (ec2_ || use.flattened) {
      read_items(group, prefix);
      return list;
    }
    ForEachComponent(group, prefix, [&](std::string_view component, Parameters inner, std::size_t next) {
      if (component == "member" || component == element.location_name) read_items(inner, next);
    });
    return list;
  }

  Json ReadMap(const Member& use, Parameters group, std::size_t prefix, int depth) {
    const std::string_view key_name =
        use.shape->key.location_name.empty() ? std::string_view("key") : std::string_view(use.shape->key.location_name);
    const std::string_view value_name = use.shape->value.location_name.empty()
                                            ? std::string_view("value")
                                            : std::string_view(use.shape->value.location_name);
    Json map = Json::object();
    auto read_entries = [&](Parameters entries, std::size_t at) {
      for (const Numbered& entry : ReadNumbers(entries, at)) {
        std::string key;
        Json value;
        ForEachComponent(entry.group, entry.next, [&](std::string_view part, Parameters inner, std::size_t next) {
          if (part == key_name) key = inner.front().second;
          if (part == value_name) value = Read(use.shape->value, inner, next, depth);
        });
        if (!value.is_null()) map[key] = std::move(value);
      }
    };
    if (use.flattened) {
      read_entries(group, prefix);
      return map;
    }
    ForEachComponent(group, prefix, [&](std::string_view component, Parameters inner, std::size_t next) {
      if (component == "entry") read_entries(inner, next);
    });
    return map;
  }

  bool ec2_;
};

}  // namespace

std::string WriteForm(const Service& service, const Operation& operation, const Json& input) {
  FormWriter writer(service.protocol);
  writer.Add("Action", operation.name);
  writer.Add("Version", service.api_version);
  if (operation.input != nullptr) {
    Member use;
    use.shape = operation.input;
    writer.WriteStructure(*operation.input, ObjectOf(use, input));
  } else if (!input.empty()) {
    throw CodecError(operation.name + " takes no input");
  }
  return writer.Take();
}

Json ReadForm(const Service& service, const Operation& operation, std::string_view form, std::string_view query) {
  if (operation.input == nullptr) return Json::object();
  net::QueryItems parameters = net::ParseQuery(form, true);
  if (!query.empty()) {
    net::QueryItems more = net::ParseQuery(query, true);
    parameters.insert(parameters.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  for (const auto& [name, value] : parameters) {
    CheckUtf8(name);
    CheckUtf8(value);
  }
  std::sort(parameters.begin(), parameters.end());
  return FormReader(service.protocol).ReadStructure(*operation.input, parameters, 0, 0);
}

std::string FindFormParameter(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    const std::string_view item = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), item.size() + 1));
    if (item.size() > name.size() && item.starts_with(name) && item[name.size()] == '=') {
      return net::PercentDecode(item.substr(name.size() + 1));
    }
  }
  return "";
}

}  // namespace adhoc::aws
