#include <gtest/gtest.h>

#include <cmath>

#include "aws/codec/codec.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct Cloudwatch : ::testing::Test {
  LocalApi api;
  double now = ToSeconds(api.clock().Now());

  Json Call(const std::string& operation, const Json& input = Json::object()) {
    return api.Call("cloudwatch", operation, input);
  }
  std::string ErrorOf(const std::string& operation, const Json& input) {
    return api.ErrorOf("cloudwatch", operation, input);
  }
  void Put(const Json& datum) { Call("PutMetricData", {{"Namespace", "app"}, {"MetricData", Json::array({datum})}}); }
  Json Alarm(const std::string& name, Json more = Json::object()) const {
    Json alarm{{"AlarmName", name},    {"Namespace", "app"},
               {"MetricName", "jobs"}, {"Statistic", "Sum"},
               {"Period", 60},         {"EvaluationPeriods", 1},
               {"Threshold", 5},       {"ComparisonOperator", "GreaterThanThreshold"}};
    alarm.update(more);
    return alarm;
  }
  static std::vector<std::string> Names(const Json& alarms) {
    std::vector<std::string> names;
    for (const Json& alarm : alarms) names.push_back(alarm["AlarmName"]);
    return names;
  }
};

using Strings = std::vector<std::string>;

TEST_F(Cloudwatch, KeepsMetricsAndAnswersTheirStatistics) {
  Put({{"MetricName", "jobs"}, {"Value", 3}, {"Unit", "Count"}});
  Put({{"MetricName", "jobs"}, {"Values", {5, 7}}, {"Counts", {2, 1}}, {"Unit", "Count"}});
  Put({{"MetricName", "jobs"},
       {"Timestamp", now - 600},
       {"Unit", "Count"},
       {"StatisticValues", {{"SampleCount", 2}, {"Sum", 10}, {"Minimum", 1}, {"Maximum", 9}}}});
  const Json answer =
      Call("GetMetricStatistics", {{"Namespace", "app"},
                                   {"MetricName", "jobs"},
                                   {"StartTime", now - 3600},
                                   {"EndTime", now + 60},
                                   {"Period", 60},
                                   {"Statistics", {"Average", "Sum", "Minimum", "Maximum", "SampleCount"}},
                                   {"ExtendedStatistics", {"p50"}}});
  EXPECT_EQ(answer["Label"], "jobs");
  ASSERT_EQ(answer["Datapoints"].size(), 2u);
  EXPECT_EQ(answer["Datapoints"][0]["Maximum"], 9);
  EXPECT_FALSE(answer["Datapoints"][0].contains("ExtendedStatistics")) << "the values are not known";
  const Json& newest = answer["Datapoints"][1];
  EXPECT_EQ(newest["Sum"], 20);
  EXPECT_EQ(newest["SampleCount"], 4);
  EXPECT_EQ(newest["Average"], 5);
  EXPECT_EQ(newest["Unit"], "Count");
  EXPECT_EQ(newest["ExtendedStatistics"]["p50"], 5);
  EXPECT_EQ(newest["Timestamp"].get<double>(), std::floor(now / 60) * 60) << "a minute is the resolution";
}

TEST_F(Cloudwatch, AnswersMetricData) {
  for (int minute = 1; minute <= 3; ++minute) {
    Put({{"MetricName", "jobs"},
         {"Value", minute},
         {"Timestamp", now - 60 * minute},
         {"Dimensions", Json::array({{{"Name", "queue"}, {"Value", "mail"}}})}});
  }
  Json query{{"StartTime", now - 3600},
             {"EndTime", now},
             {"MetricDataQueries",
              Json::array({{{"Id", "m1"},
                            {"MetricStat",
                             {{"Period", 60},
                              {"Stat", "Sum"},
                              {"Metric",
                               {{"Namespace", "app"},
                                {"MetricName", "jobs"},
                                {"Dimensions", Json::array({{{"Name", "queue"}, {"Value", "mail"}}})}}}}}}})}};
  EXPECT_EQ(Call("GetMetricData", query)["MetricDataResults"][0]["Values"], Json({1, 2, 3})) << "the newest first";
  query["ScanBy"] = "TimestampAscending";
  query["MaxDatapoints"] = 2;
  Json page = Call("GetMetricData", query);
  EXPECT_EQ(page["MetricDataResults"][0]["Values"], Json({3, 2}));
  EXPECT_EQ(page["MetricDataResults"][0]["StatusCode"], "PartialData");
  query["NextToken"] = page["NextToken"];
  page = Call("GetMetricData", query);
  EXPECT_EQ(page["MetricDataResults"][0]["Values"], Json({1}));
  EXPECT_FALSE(page.contains("NextToken"));
  query["MetricDataQueries"].push_back({{"Id", "e1"}, {"Expression", "m1 * 2"}});
  EXPECT_EQ(ErrorOf("GetMetricData", query), "ValidationError");
}

TEST_F(Cloudwatch, ListsMetricsByDimension) {
  for (const char* queue : {"mail", "video"}) {
    Put({{"MetricName", "jobs"}, {"Value", 1}, {"Dimensions", Json::array({{{"Name", "queue"}, {"Value", queue}}})}});
  }
  Put({{"MetricName", "users"}, {"Value", 1}});
  EXPECT_EQ(Call("ListMetrics")["Metrics"].size(), 3u);
  EXPECT_EQ(Call("ListMetrics", {{"MetricName", "jobs"}})["Metrics"].size(), 2u);
  const auto with = [&](const Json& filter) {
    return Call("ListMetrics", {{"Namespace", "app"}, {"Dimensions", Json::array({filter})}})["Metrics"];
  };
  EXPECT_EQ(with({{"Name", "queue"}}).size(), 2u);
  const Json mail = with({{"Name", "queue"}, {"Value", "mail"}});
  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(mail[0]["Dimensions"][0]["Value"], "mail");
  EXPECT_TRUE(Call("ListMetrics", {{"Namespace", "other"}})["Metrics"].empty());
}

TEST_F(Cloudwatch, RefusesWhatMakesNoSense) {
  const auto put = [&](const Json& datum, const char* space = "app") {
    return ErrorOf("PutMetricData", {{"Namespace", space}, {"MetricData", Json::array({datum})}});
  };
  EXPECT_EQ(put({{"MetricName", "jobs"}, {"Value", 1}}, "AWS/ECS"), "InvalidParameterValue");
  EXPECT_EQ(put({{"MetricName", "jobs"}}), "MissingParameter");
  EXPECT_EQ(put({{"MetricName", "jobs"}, {"Value", 1}, {"Values", {1}}}), "InvalidParameterCombination");
  EXPECT_EQ(put({{"MetricName", "jobs"}, {"Value", 1}, {"Timestamp", now - 15 * 86400}}), "InvalidParameterValue");
  const auto statistics = [&](Json more) {
    Json input{{"Namespace", "app"}, {"MetricName", "jobs"}, {"StartTime", now - 3600},
               {"EndTime", now},     {"Period", 60},         {"Statistics", {"Sum"}}};
    input.update(more);
    return ErrorOf("GetMetricStatistics", input);
  };
  EXPECT_EQ(statistics(Json::object()), "");
  EXPECT_EQ(statistics({{"Period", 7}}), "InvalidParameterValue");
  EXPECT_EQ(statistics({{"Period", 1}}), "InvalidParameterCombination") << "more than 1440 datapoints";
  EXPECT_EQ(statistics({{"EndTime", now - 7200}}), "InvalidParameterCombination");
  const auto alarm = [&](const Json& more) { return ErrorOf("PutMetricAlarm", Alarm("a", more)); };
  EXPECT_EQ(alarm({{"Period", 45}}), "ValidationError");
  EXPECT_EQ(alarm({{"DatapointsToAlarm", 2}}), "ValidationError");
  EXPECT_EQ(alarm({{"TreatMissingData", "maybe"}}), "ValidationError");
  EXPECT_EQ(alarm({{"ExtendedStatistic", "p90"}}), "ValidationError");
  EXPECT_EQ(alarm({{"Period", 86400}, {"EvaluationPeriods", 8}}), "ValidationError");
  EXPECT_EQ(alarm({{"Metrics", Json::array({{{"Id", "m1"}, {"Expression", "1"}}})}}), "ValidationError");
}

TEST_F(Cloudwatch, KeepsAlarmsUntilTheyAreDeleted) {
  Call("PutMetricAlarm", Alarm("jobs-high", {{"AlarmActions", {"arn:aws:sns:us-east-1:123456789012:ops"}},
                                             {"Tags", Json::array({{{"Key", "env"}, {"Value", "alpha"}}})}}));
  Call("PutMetricAlarm", Alarm("jobs-low"));
  Call("PutMetricAlarm", Alarm("users", {{"MetricName", "users"}}));
  EXPECT_EQ(Names(Call("DescribeAlarms")["MetricAlarms"]), (Strings{"jobs-high", "jobs-low", "users"}));
  EXPECT_EQ(Names(Call("DescribeAlarms", {{"AlarmNamePrefix", "jobs"}})["MetricAlarms"]),
            (Strings{"jobs-high", "jobs-low"}));
  EXPECT_EQ(Names(Call("DescribeAlarms", {{"AlarmNames", {"users"}}})["MetricAlarms"]), (Strings{"users"}));
  EXPECT_EQ(Names(Call("DescribeAlarms", {{"ActionPrefix", "arn:aws:sns"}})["MetricAlarms"]), (Strings{"jobs-high"}));
  EXPECT_EQ(Names(Call("DescribeAlarmsForMetric", {{"Namespace", "app"}, {"MetricName", "users"}})["MetricAlarms"]),
            (Strings{"users"}));
  const Json page = Call("DescribeAlarms", {{"MaxRecords", 2}});
  EXPECT_EQ(Names(Call("DescribeAlarms", {{"NextToken", page["NextToken"]}})["MetricAlarms"]), (Strings{"users"}));

  const Json alarm = Call("DescribeAlarms", {{"AlarmNames", {"jobs-high"}}})["MetricAlarms"][0];
  EXPECT_EQ(alarm["AlarmArn"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:jobs-high");
  EXPECT_EQ(alarm["StateValue"], "INSUFFICIENT_DATA");
  EXPECT_EQ(alarm["ActionsEnabled"], true);
  const Json by_arn{{"ResourceARN", alarm["AlarmArn"]}};
  EXPECT_EQ(Call("ListTagsForResource", by_arn)["Tags"][0]["Value"], "alpha");
  Json tagged = by_arn;
  tagged["Tags"] = Json::array({{{"Key", "team"}, {"Value", "ops"}}});
  Call("TagResource", tagged);
  Call("PutMetricAlarm", Alarm("jobs-high", {{"Threshold", 9}}));
  EXPECT_EQ(Call("ListTagsForResource", by_arn)["Tags"].size(), 2u) << "an update keeps the tags";
  Json untagged = by_arn;
  untagged["TagKeys"] = {"env", "team"};
  Call("UntagResource", untagged);
  EXPECT_TRUE(Call("ListTagsForResource", by_arn)["Tags"].empty());

  Call("DeleteAlarms", {{"AlarmNames", {"jobs-high", "jobs-low", "none"}}});
  EXPECT_EQ(ErrorOf("DeleteAlarms", {{"AlarmNames", {"jobs-high"}}}), "ResourceNotFound");
  EXPECT_EQ(ErrorOf("ListTagsForResource", by_arn), "ResourceNotFoundException");
}

TEST_F(Cloudwatch, ATransitionIsInTheHistoryWithItsActions) {
  Call("PutMetricAlarm", Alarm("jobs", {{"AlarmActions", {"arn:aws:sns:us-east-1:123456789012:ops"}}}));
  const auto set = [&](const char* state) {
    Call("SetAlarmState", {{"AlarmName", "jobs"}, {"StateValue", state}, {"StateReason", "a test"}});
  };
  set("ALARM");
  set("ALARM");
  set("OK");
  Call("DisableAlarmActions", {{"AlarmNames", {"jobs"}}});
  set("ALARM");
  const Json history =
      Call("DescribeAlarmHistory", {{"AlarmName", "jobs"}, {"ScanBy", "TimestampAscending"}})["AlarmHistoryItems"];
  Strings summaries;
  for (const Json& item : history) summaries.push_back(item["HistorySummary"]);
  EXPECT_EQ(summaries, (Strings{"Alarm \"jobs\" created", "Alarm updated from INSUFFICIENT_DATA to ALARM",
                                "Failed to execute action arn:aws:sns:us-east-1:123456789012:ops",
                                "Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"}));
  const Json data = Json::parse(history[1]["HistoryData"].get<std::string>());
  EXPECT_EQ(data["newState"]["stateReason"], "a test");
  EXPECT_EQ(Call("DescribeAlarmHistory", {{"HistoryItemType", "Action"}})["AlarmHistoryItems"].size(), 1u);
  EXPECT_EQ(ErrorOf("SetAlarmState", {{"AlarmName", "none"}, {"StateValue", "OK"}, {"StateReason", ""}}),
            "ResourceNotFound");
}

TEST_F(Cloudwatch, SpeaksJsonAndCborBesides) {
  for (const aws::Protocol protocol : {aws::Protocol::kJson, aws::Protocol::kCbor}) {
    const aws::Service& service = aws::GetServiceIn("cloudwatch", protocol);
    const auto send = [&](const char* operation, const Json& input) {
      net::Request request = aws::EncodeRequest(service, service.GetOperation(operation), input);
      request.headers.Set("X-Amz-Date", "20260101T000000Z");
      request.headers.Set(
          "Authorization",
          "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, "
          "Signature=0");
      return api.Send(request);
    };
    send("PutMetricAlarm", Alarm("jobs", {{"Threshold", 2.5}}));
    const net::Response response = send("DescribeAlarms", Json::object());
    ASSERT_EQ(response.status, 200) << response.body;
    const Json answer = aws::DecodeResponse(service, service.GetOperation("DescribeAlarms"), response);
    EXPECT_EQ(answer["MetricAlarms"][0]["Threshold"], 2.5);
    EXPECT_NEAR(answer["MetricAlarms"][0]["StateUpdatedTimestamp"].get<double>(), now, 0.001);
    const auto error = aws::DecodeError(
        service, send("SetAlarmState", {{"AlarmName", "none"}, {"StateValue", "OK"}, {"StateReason", ""}}));
    EXPECT_EQ(error.code, "ResourceNotFound");
    EXPECT_EQ(error.status, 404);
  }
}

}  // namespace
}  // namespace adhoc::testing
