#include "testing/plausible_document.h"

#include <algorithm>
#include <iterator>

namespace adhoc::testing {
namespace {

constexpr int kMaxDepth = 6;
constexpr std::size_t kMaxLearned = 400;

}  // namespace

void PlausibleDocuments::Learn(const Json& answer) {
  if (answer.is_structured()) {
    for (const Json& part : answer) Learn(part);
  } else if (answer.is_string()) {
    std::string text = answer;
    if (text.empty() || text.size() > 300) return;
    if (learned_.size() < kMaxLearned) {
      learned_.push_back(std::move(text));
    } else {
      learned_[Below(kMaxLearned)] = std::move(text);
    }
  }
}

Json PlausibleDocuments::Structure(const aws::Shape& shape, int depth) {
  Json document = Json::object();
  for (const aws::Member& member : shape.members) {
    const bool wanted = member.required ? Chance(0.98) : Chance(depth == 0 ? 0.4 : 0.25);
    if (!wanted || (depth > kMaxDepth && !member.required)) continue;
    Json value = Value(member, depth + 1);
    if (!value.is_null()) document[member.name] = std::move(value);
  }
  return document;
}

Json PlausibleDocuments::Value(const aws::Member& use, int depth) {
  const aws::Shape& shape = *use.shape;
  if (depth > 2 * kMaxDepth) return Json();
  switch (shape.type) {
    case aws::ShapeType::kStructure:
      return Structure(shape, depth);
    case aws::ShapeType::kList: {
      Json list = Json::array();
      for (std::int64_t i = Chance(0.05) ? 0 : 1 + Below(2); i > 0; --i) {
        Json element = Value(shape.element, depth + 1);
        if (!element.is_null()) list.push_back(std::move(element));
      }
      return list;
    }
    case aws::ShapeType::kMap: {
      Json map = Json::object();
      for (std::int64_t i = Below(3); i > 0; --i) {
        Json value = Value(shape.value, depth + 1);
        if (!value.is_null()) map[Text(*shape.key.shape)] = std::move(value);
      }
      return map;
    }
    case aws::ShapeType::kBoolean:
      return Chance(0.5);
    case aws::ShapeType::kInteger:
    case aws::ShapeType::kLong: {
      constexpr std::int64_t kUsual[] = {0, 1, 2, 5, 80, 256, 512, 8000, -1, 2147483647};
      const auto low = static_cast<std::int64_t>(shape.min.value_or(-2147483648.0));
      const auto high = static_cast<std::int64_t>(shape.max.value_or(2147483647.0));
      return std::clamp(kUsual[Below(std::size(kUsual))], low, std::max(low, high));
    }
    case aws::ShapeType::kFloat:
    case aws::ShapeType::kDouble:
      return random_.Fraction() * 100;
    case aws::ShapeType::kTimestamp:
      return 1'700'000'000 + Below(100'000'000);
    case aws::ShapeType::kBlob:
    case aws::ShapeType::kString:
      return Text(shape);
  }
  return Json();
}

std::string PlausibleDocuments::Text(const aws::Shape& shape) {
  if (!shape.enumeration.empty() && Chance(0.97)) return shape.enumeration[Below(shape.enumeration.size())];
  if (!learned_.empty() && Chance(0.6)) return learned_[Below(learned_.size())];
  static constexpr const char* kWords[] = {"a",
                                           "web",
                                           "alpha",
                                           "10.0.0.0/16",
                                           "10.0.1.0/24",
                                           "us-east-1a",
                                           "example.com",
                                           "/",
                                           "/api/*",
                                           "*",
                                           "256",
                                           "512",
                                           "80",
                                           "tcp",
                                           "forward",
                                           "arn:aws:iam::123456789012:role/r",
                                           "arn:",
                                           "{}",
                                           "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
                                           "[",
                                           "$.a",
                                           "default",
                                           "0",
                                           "-1",
                                           "ä€😀",
                                           "\n",
                                           "%2F..%2F",
                                           "../x",
                                           "rate(5 minutes)",
                                           "123456789012",
                                           "arn:aws:ecs:us-east-1:123456789012:service/a/web",
                                           "awsvpc",
                                           "FARGATE",
                                           "idle_timeout.timeout_seconds",
                                           "99999999999999999999",
                                           "1e999"};
  std::string text = kWords[Below(std::size(kWords))];
  const auto shortest = static_cast<std::size_t>(shape.min.value_or(0));
  if (text.size() < shortest && shortest < 100 && Chance(0.9)) text.resize(shortest, 'x');
  return text;
}

}  // namespace adhoc::testing
