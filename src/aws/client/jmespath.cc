#include "aws/client/jmespath.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace adhoc::aws {
namespace {

struct Node;
using NodePtr = std::unique_ptr<Node>;

// What follows a value: `.name`, `[3]`, `[]`, `[*]`, `[?condition]`.
struct Step {
  enum class Kind { kField, kIndex, kFlatten, kWildcard, kFilter };
  Kind kind;
  std::string field;
  int index = 0;
  NodePtr condition;
};

struct Node {
  enum class Kind { kCurrent, kLiteral, kLength, kNot, kAnd, kOr, kCompare };
  Kind kind = Kind::kCurrent;
  Json literal;
  std::string comparison;
  NodePtr left;
  NodePtr right;
  std::vector<Step> steps;  // applied to the node's value
};

bool IsNameStart(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NodePtr Parse() {
    NodePtr node = ParseOr();
    SkipSpaces();
    if (at_ != text_.size()) Fail();
    return node;
  }

 private:
  [[noreturn]] void Fail() const {
    throw Error(fmt::format("cannot read the JMESPath expression '{}': unexpected text at offset {}", text_, at_));
  }

  void SkipSpaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }

  bool Accept(std::string_view token) {
    SkipSpaces();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void Expect(std::string_view token) {
    if (!Accept(token)) Fail();
  }

  static NodePtr Make(Node::Kind kind, NodePtr left, NodePtr right = nullptr) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->left = std::move(left);
    node->right = std::move(right);
    return node;
  }

  NodePtr ParseOr() {
    NodePtr node = ParseAnd();
    while (Accept("||")) node = Make(Node::Kind::kOr, std::move(node), ParseAnd());
    return node;
  }

  NodePtr ParseAnd() {
    NodePtr node = ParseComparison();
    while (Accept("&&")) node = Make(Node::Kind::kAnd, std::move(node), ParseComparison());
    return node;
  }

  NodePtr ParseComparison() {
    NodePtr node = ParseUnary();
    for (const std::string_view comparison : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!Accept(comparison)) continue;
      node = Make(Node::Kind::kCompare, std::move(node), ParseUnary());
      node->comparison = comparison;
      return node;
    }
    return node;
  }

  NodePtr ParseUnary() {
    SkipSpaces();
    if (at_ + 1 < text_.size() && text_[at_] == '!' && text_[at_ + 1] != '=') {
      ++at_;
      return Make(Node::Kind::kNot, ParseUnary());
    }
    return ParsePostfix();
  }

  NodePtr ParsePostfix() {
    NodePtr node = ParsePrimary();
    while (true) {
      if (Accept(".")) {
        node->steps.push_back({Step::Kind::kField, ParseName(), 0, nullptr});
      } else if (Accept("[?")) {
        NodePtr condition = ParseOr();
        Expect("]");
        node->steps.push_back({Step::Kind::kFilter, "", 0, std::move(condition)});
      } else if (Accept("[*]")) {
        node->steps.push_back({Step::Kind::kWildcard, "", 0, nullptr});
      } else if (Accept("[]")) {
        node->steps.push_back({Step::Kind::kFlatten, "", 0, nullptr});
      } else if (Accept("[")) {
        node->steps.push_back({Step::Kind::kIndex, "", ParseInteger(), nullptr});
        Expect("]");
      } else {
        return node;
      }
    }
  }

  NodePtr ParsePrimary() {
    SkipSpaces();
    if (at_ == text_.size()) Fail();
    auto node = std::make_unique<Node>();
    const char c = text_[at_];
    if (c == '(') {
      ++at_;
      // As the operand of an Or, so that what follows the parenthesis applies to the whole.
      node = Make(Node::Kind::kOr, ParseOr());
      Expect(")");
    } else if (c == '@') {
      ++at_;
    } else if (c == '`' || c == '\'') {
      ++at_;
      const std::size_t end = text_.find(c, at_);
      if (end == std::string_view::npos) Fail();
      const std::string_view inside = text_.substr(at_, end - at_);
      node->kind = Node::Kind::kLiteral;
      node->literal = c == '\'' ? Json(inside) : Json::parse(inside, nullptr, false);
      if (node->literal.is_discarded()) Fail();
      at_ = end + 1;
    } else if (c == '[') {
      // A step on the current value; ParsePostfix reads it.
    } else {
      const std::string name = ParseName();
      if (Accept("(")) {
        if (name != "length") Fail();
        node = Make(Node::Kind::kLength, ParseOr());
        Expect(")");
      } else {
        node->steps.push_back({Step::Kind::kField, name, 0, nullptr});
      }
    }
    return node;
  }

  std::string ParseName() {
    SkipSpaces();
    const std::size_t start = at_;
    if (at_ == text_.size() || !IsNameStart(text_[at_])) Fail();
    while (at_ < text_.size() && (IsNameStart(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  int ParseInteger() {
    SkipSpaces();
    const bool negative = Accept("-");
    const std::size_t start = at_;
    int value = 0;
    while (at_ < text_.size() && IsDigit(text_[at_]) && at_ - start < 9) value = value * 10 + (text_[at_++] - '0');
    if (at_ == start) Fail();
    return negative ? -value : value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool IsTruthy(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  if (value.is_array() || value.is_object()) return !value.empty();
  return !value.is_null();
}

Json Evaluate(const Node& node, const Json& current);

// The steps [begin, end), none of which is a flatten.
Json Apply(const Json& value, const Step* begin, const Step* end) {
  if (begin == end || value.is_null()) return value;
  switch (begin->kind) {
    case Step::Kind::kField: {
      if (!value.is_object()) return nullptr;
      const auto found = value.find(begin->field);
      return found == value.end() ? Json() : Apply(*found, begin + 1, end);
    }
    case Step::Kind::kIndex: {
      if (!value.is_array()) return nullptr;
      const int size = static_cast<int>(value.size());
      const int index = begin->index < 0 ? begin->index + size : begin->index;
      return index < 0 || index >= size ? Json() : Apply(value[static_cast<std::size_t>(index)], begin + 1, end);
    }
    default: {
      if (!value.is_array()) return nullptr;
      Json projected = Json::array();
      for (const Json& element : value) {
        if (begin->condition && !IsTruthy(Evaluate(*begin->condition, element))) continue;
        Json result = Apply(element, begin + 1, end);
        if (!result.is_null()) projected.push_back(std::move(result));
      }
      return projected;
    }
  }
}

// `[]` gathers what stands before it and starts a projection of what stands after it, up to the next `[]`.
Json ApplyAll(Json value, const std::vector<Step>& steps) {
  const Step* begin = steps.data();
  const Step* const end = begin + steps.size();
  bool projecting = false;
  while (true) {
    const Step* stop = begin;
    while (stop != end && stop->kind != Step::Kind::kFlatten) ++stop;
    if (projecting) {
      Json projected = Json::array();
      for (const Json& element : value) {
        Json result = Apply(element, begin, stop);
        if (!result.is_null()) projected.push_back(std::move(result));
      }
      value = std::move(projected);
    } else {
      value = Apply(value, begin, stop);
    }
    if (stop == end) return value;
    if (!value.is_array()) return nullptr;
    Json flat = Json::array();
    for (Json& element : value) {
      if (element.is_array()) {
        flat.insert(flat.end(), element.begin(), element.end());
      } else {
        flat.push_back(std::move(element));
      }
    }
    value = std::move(flat);
    projecting = true;
    begin = stop + 1;
  }
}

Json Compare(const std::string& comparison, const Json& left, const Json& right) {
  if (comparison == "==") return left == right;
  if (comparison == "!=") return left != right;
  if (!left.is_number() || !right.is_number()) return nullptr;
  if (comparison == "<") return left < right;
  if (comparison == "<=") return left <= right;
  if (comparison == ">") return left > right;
  return left >= right;
}

Json EvaluateHead(const Node& node, const Json& current) {
  switch (node.kind) {
    case Node::Kind::kCurrent:
      return current;
    case Node::Kind::kLiteral:
      return node.literal;
    case Node::Kind::kLength: {
      const Json value = Evaluate(*node.left, current);
      if (value.is_string()) return value.get_ref<const std::string&>().size();
      return value.is_array() || value.is_object() ? value.size() : 0;
    }
    case Node::Kind::kNot:
      return !IsTruthy(Evaluate(*node.left, current));
    case Node::Kind::kAnd: {
      Json left = Evaluate(*node.left, current);
      return IsTruthy(left) ? Evaluate(*node.right, current) : left;
    }
    case Node::Kind::kOr: {
      Json left = Evaluate(*node.left, current);
      return node.right == nullptr || IsTruthy(left) ? left : Evaluate(*node.right, current);
    }
    case Node::Kind::kCompare:
      return Compare(node.comparison, Evaluate(*node.left, current), Evaluate(*node.right, current));
  }
  return nullptr;
}

Json Evaluate(const Node& node, const Json& current) { return ApplyAll(EvaluateHead(node, current), node.steps); }

}  // namespace

Json JmesSearch(std::string_view expression, const Json& document) {
  return Evaluate(*Parser(expression).Parse(), document);
}

}  // namespace adhoc::aws
