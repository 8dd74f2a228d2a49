#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "base/text.h"

namespace adhoc::config {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr int kMaxDepth = 50;
// Nodes that a reader of the tree would meet, aliases followed: ten lines of aliases can stand for billions.
constexpr std::size_t kMaxNodes = 200'000;
constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

// Ends the reading; the mistake is already reported.
struct GiveUp {};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const SourceText> source, std::size_t skipped, Diagnostics& diagnostics)
      : source_(std::move(source)), text_(source_->text()), skipped_(skipped), diagnostics_(diagnostics) {}

  std::shared_ptr<const YamlNode> root() const { return root_; }

  Range At(const YAML::Mark& mark) const {
    const std::size_t offset = Offset(mark);
    return Range{source_, source_->At(offset), source_->At(offset + 1)};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_ != nullptr) {
      diagnostics_.Error(At(mark), "the file has more than one document", "remove the second `---` and what follows");
      throw GiveUp{};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto node = std::make_shared<YamlNode>();
    node->range = At(mark);
    Finish(std::move(node), anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      diagnostics_.Error(Word(mark), "this alias stands inside its own anchor", "an anchor cannot contain itself");
      throw GiveUp{};
    }
    Place(found->second.node, found->second.weight, Word(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckTag(mark, tag);
    auto node = std::make_shared<YamlNode>();
    node->kind = YamlNode::Kind::kScalar;
    node->scalar = value;
    node->plain = tag == "?" || tag.empty();
    const std::size_t begin = SkipProperties(Offset(mark));
    node->range = Range{source_, source_->At(begin), source_->At(ScalarEnd(begin, value))};
    Finish(std::move(node), anchor, 1);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override {
    Merge(open_.back());
    Close();
  }

 private:
  struct Anchored {
    std::shared_ptr<const YamlNode> node;
    std::size_t weight = 0;
  };

  struct OpenNode {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor = 0;
    std::size_t weight = 1;
    // Of a map: the key that waits for its value.
    bool has_key = false;
    std::string key;
    Range key_range;
    bool merge = false;
    std::map<std::string, int, std::less<>> key_lines;
    std::vector<Anchored> merged;
  };

  std::size_t Offset(const YAML::Mark& mark) const {
    return mark.pos < 0 ? text_.size() : std::min(text_.size(), static_cast<std::size_t>(mark.pos) + skipped_);
  }

  // Past `&anchor` and `!tag`.
  std::size_t SkipProperties(std::size_t offset) const {
    while (offset < text_.size() && (text_[offset] == '&' || text_[offset] == '!')) {
      while (offset < text_.size() && std::string_view(" \t\r\n").find(text_[offset]) == std::string_view::npos)
        ++offset;
      while (offset < text_.size() && std::string_view(" \t\r\n").find(text_[offset]) != std::string_view::npos)
        ++offset;
    }
    return offset;
  }

  // For carets: exact for the scalars of one line, else one character.
  std::size_t ScalarEnd(std::size_t begin, const std::string& value) const {
    if (begin >= text_.size()) return begin;
    const char quote = text_[begin];
    if (quote == '"' || quote == '\'') {
      for (std::size_t i = begin + 1; i < text_.size() && text_[i] != '\n'; ++i) {
        if (quote == '"' && text_[i] == '\\') {
          ++i;
        } else if (text_[i] == quote) {
          if (quote == '\'' && i + 1 < text_.size() && text_[i + 1] == quote) {
            ++i;
          } else {
            return i + 1;
          }
        }
      }
      return begin + 1;
    }
    return text_.substr(begin).starts_with(value) ? begin + value.size() : begin + 1;
  }

  Range Word(const YAML::Mark& mark) const {
    const std::size_t begin = Offset(mark);
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n,]}", begin), text_.size());
    return Range{source_, source_->At(begin), source_->At(end)};
  }

  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:")) return;
    diagnostics_.Error(Word(mark), "YAML tags have no meaning here: found `" + tag + "`", "remove the tag");
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    CheckTag(mark, tag);
    if (open_.size() >= kMaxDepth) {
      diagnostics_.Error(At(mark),
                         fmt::format("nested too deeply: more than {} lists and maps in each other", kMaxDepth));
      throw GiveUp{};
    }
    OpenNode open;
    open.node = std::make_shared<YamlNode>();
    open.node->kind = kind;
    const std::size_t begin = SkipProperties(Offset(mark));
    open.node->range = Range{source_, source_->At(begin), source_->At(begin + 1)};
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void Close() {
    OpenNode done = std::move(open_.back());
    open_.pop_back();
    Finish(std::move(done.node), done.anchor, done.weight);
  }

  void Finish(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor, std::size_t weight) {
    const Range range = node->range;
    if (anchor != 0) anchors_[anchor] = {node, weight};
    Place(std::move(node), weight, range);
  }

  // Hands a finished node to the one that it is in.
  void Place(std::shared_ptr<const YamlNode> node, std::size_t weight, const Range& range) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    parent.weight += weight;
    if (parent.weight > kMaxNodes) {
      diagnostics_.Error(range, fmt::format("the file is too large: more than {} values, aliases followed", kMaxNodes));
      throw GiveUp{};
    }
    if (parent.node->kind == YamlNode::Kind::kSequence) {
      parent.node->items.push_back(std::move(node));
    } else if (!parent.has_key) {
      SetKey(parent, *node, range);
    } else {
      parent.has_key = false;
      if (parent.merge) {
        parent.merged.push_back({std::move(node), weight});
      } else {
        const auto [earlier, added] = parent.key_lines.emplace(parent.key, parent.key_range.begin.line);
        if (!added) {
          diagnostics_.Error(parent.key_range,
                             fmt::format("`{}` is set twice: first in line {}", parent.key, earlier->second),
                             "remove one of the two");
          return;
        }
        parent.node->entries.push_back({std::move(parent.key), parent.key_range, std::move(node)});
      }
    }
  }

  void SetKey(OpenNode& parent, const YamlNode& node, const Range& range) {
    parent.has_key = true;
    parent.key_range = range;
    parent.merge = false;
    switch (node.kind) {
      case YamlNode::Kind::kScalar:
        parent.key = node.scalar;
        parent.merge = node.plain && node.scalar == "<<";
        return;
      case YamlNode::Kind::kNull:
        parent.key = "null";
        return;
      default:
        diagnostics_.Error(range, "a key is a word: found " + DescribeYaml(node),
                           "put a value that holds ${…} or { in quotes");
        // Distinct from every other key, so that it causes no second message.
        parent.key = fmt::format("\x01{}", range.begin.offset);
    }
  }

  // Earlier maps win over later ones, and the map's own keys over all.
  void Merge(OpenNode& open) {
    for (const Anchored& merged : open.merged) {
      std::vector<std::shared_ptr<const YamlNode>> maps;
      if (merged.node->kind == YamlNode::Kind::kSequence) {
        maps = merged.node->items;
      } else {
        maps.push_back(merged.node);
      }
      for (const auto& map : maps) {
        if (map->kind != YamlNode::Kind::kMap) {
          diagnostics_.Error(open.node->range, "`<<` takes a map or a list of maps: found " + DescribeYaml(*map),
                             "write: <<: *anchor");
          continue;
        }
        for (const YamlEntry& entry : map->entries) {
          if (open.key_lines.emplace(entry.key, entry.key_range.begin.line).second) open.node->entries.push_back(entry);
        }
      }
    }
  }

  std::shared_ptr<const SourceText> source_;
  std::string_view text_;
  std::size_t skipped_;  // bytes before what yaml-cpp reads
  Diagnostics& diagnostics_;
  std::shared_ptr<const YamlNode> root_;
  std::vector<OpenNode> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
};

// yaml-cpp's wording is about tokens; these are the cases that people meet.
std::string SyntaxHint(std::string_view line, const std::string& message) {
  const std::size_t reference = line.find("${");
  if (reference != std::string_view::npos && line.substr(0, reference).find_first_of("{[") != std::string_view::npos) {
    return "inside { } and [ ], put a value that holds ${…} in quotes";
  }
  if (line.find('\t') != std::string_view::npos) return "indent with spaces: YAML does not allow tabs";
  if (message.find("alias") != std::string::npos) return "put a value that starts with * in quotes";
  if (line.find(": *") != std::string_view::npos || line.find("- *") != std::string_view::npos) {
    return "put a value that starts with * in quotes";
  }
  if (line.find('@') != std::string_view::npos || line.find('`') != std::string_view::npos) {
    return "put a value that starts with @ or ` in quotes";
  }
  return "check the indentation and the quotes here and in the line above";
}

}  // namespace

const YamlEntry* YamlNode::Find(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

std::string DescribeYaml(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  constexpr std::size_t kMost = 60;
  std::string shown = node.scalar.substr(0, node.scalar.find('\n'));
  if (shown.size() > kMost) {
    std::size_t end = kMost;
    while ((static_cast<unsigned char>(shown[end]) & 0xC0U) == 0x80U) --end;
    shown.resize(end);
  }
  if (shown.size() < node.scalar.size()) shown += "…";
  if (node.plain && YamlNumber(node)) return "the number " + shown;
  if (node.plain && YamlBool(node)) return "the boolean " + shown;
  return "the text `" + shown + "`";
}

std::shared_ptr<const YamlNode> ParseYaml(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics) {
  const std::string& text = source->text();
  const auto at = [&](std::size_t begin, std::size_t end) { return Range{source, source->At(begin), source->At(end)}; };
  if (text.size() > kMaxBytes) {
    diagnostics.Error(at(0, 0),
                      fmt::format("the file is too large: {} bytes, and at most {} are read", text.size(), kMaxBytes));
    return nullptr;
  }
  if (const auto invalid = FindInvalidUtf8(text)) {
    diagnostics.Error(at(*invalid, *invalid + 1), "the file is not valid UTF-8: stray byte here",
                      "save the file as UTF-8");
    return nullptr;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F) {
      diagnostics.Error(at(i, i + 1), fmt::format("control character U+{:04X}", byte),
                        "remove it, or write it as an escape");
      return nullptr;
    }
  }
  const std::size_t skipped = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  TreeBuilder builder(source, skipped, diagnostics);
  std::istringstream stream(text.substr(skipped));
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const GiveUp&) {
    return nullptr;
  } catch (const YAML::Exception& error) {
    const Range range = builder.At(error.mark);
    diagnostics.Error(range, "this is not YAML: " + error.msg, SyntaxHint(source->Line(range.begin.line), error.msg));
    return nullptr;
  }
  if (builder.root() != nullptr) return builder.root();
  auto empty = std::make_shared<YamlNode>();
  empty->range = at(0, 0);
  return empty;
}

std::optional<bool> YamlBool(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar) return std::nullopt;
  if (node.scalar == "true" || node.scalar == "True" || node.scalar == "TRUE") return true;
  if (node.scalar == "false" || node.scalar == "False" || node.scalar == "FALSE") return false;
  return std::nullopt;
}

std::optional<long long> YamlInteger(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || node.scalar.empty()) return std::nullopt;
  std::string_view digits = node.scalar;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x")) base = 16;
  if (digits.starts_with("0o")) base = 8;
  if (base != 10) digits.remove_prefix(2);
  if (base != 10 && digits.starts_with('-')) return std::nullopt;
  long long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<double> YamlNumber(const YamlNode& node) {
  if (const auto integer = YamlInteger(node)) return static_cast<double>(*integer);
  if (node.kind != YamlNode::Kind::kScalar || node.scalar.empty()) return std::nullopt;
  std::string_view digits = node.scalar;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  // from_chars also knows inf and nan.
  if (digits.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace adhoc::config
