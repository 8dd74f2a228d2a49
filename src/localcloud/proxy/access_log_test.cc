#include "localcloud/proxy/access_log.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aws/codec/values.h"
#include "base/error.h"
#include "localcloud/proxy/access_log_controller.h"
#include "localcloud/proxy/balancer_view.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const AccessLogContext kContext{
    .load_balancer = "app/dev-alb/0011223344556677",
    .dns_name = "dev-alb-1.us-east-1.elb.amazonaws.com",
    .target_groups = {{"tg-web", "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1"}},
    .certificates = {{"AB12", "arn:aws:acm:us-east-1:1:certificate/1"}},
};

std::string Encoded(const std::string& text) { return aws::Base64Encode(text); }

// As HAProxy 2.6 writes it.
std::string Forwarded() {
  return "end=1795956679339043 begin=1795956679320081 tls=0 port=8080 client=10.0.0.7:52000 target=10.0.1.20:80 "
         "received=0 queued=1 connected=2 answered=19 status=200 target_status=200 in=86 out=119 state=-- "
         "version=HTTP/1.1 method=GET url=" +
         Encoded("/x?y=1") + " host=" + Encoded("alpha.localhost:8080") + " agent=" + Encoded("a \"b\" \\") +
         " trace=" + Encoded("Root=1-2-3") +
         " rule=10 backend=tg-web location=- cipher=- protocol=- name=- certificate=-";
}

std::string With(std::string line, const std::map<std::string, std::string>& changes) {
  for (const auto& [name, value] : changes) {
    const auto begin = line.find(" " + name + "=") + name.size() + 2;
    line.replace(begin, std::min(line.find(' ', begin), line.size()) - begin, value);
  }
  return line;
}

TEST(AccessLogTest, AForwardedRequest) {
  EXPECT_EQ(
      AccessLogEntry(Forwarded(), kContext),
      "http 2026-11-29T12:51:19.339043Z app/dev-alb/0011223344556677 10.0.0.7:52000 10.0.1.20:80 0.003 0.019 "
      "0.000 200 200 86 119 \"GET http://alpha.localhost:8080/x?y=1 HTTP/1.1\" \"a \\x22b\\x22 \\x5C\" - - "
      "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1 \"Root=1-2-3\" \"-\" \"-\" 10 "
      "2026-11-29T12:51:19.320081Z \"forward\" \"-\" \"-\" \"10.0.1.20:80\" \"200\" \"-\" \"-\" "
      "TID_" +
          AccessLogEntry(Forwarded(), kContext).substr(AccessLogEntry(Forwarded(), kContext).find("TID_") + 4, 32) +
          " \"-\" \"-\" \"-\"");
}

TEST(AccessLogTest, ARequestThatNoTargetAnswered) {
  const std::string entry = AccessLogEntry(With(Forwarded(), {{"status", "502"}, {"target_status", "-"}}), kContext);
  EXPECT_NE(entry.find(" 10.0.1.20:80 -1 -1 -1 502 - 86 119 "), std::string::npos) << entry;
  EXPECT_NE(entry.find(" \"forward\" \"-\" \"-\" \"10.0.1.20:80\" \"-\" "), std::string::npos) << entry;
}

TEST(AccessLogTest, ARedirectAndAFixedResponse) {
  const std::map<std::string, std::string> none = {{"target", "-:-"}, {"target_status", "-"}};
  std::string line = With(With(Forwarded(), none), {{"rule", "default"},
                                                    {"backend", "p8080-rdefault"},
                                                    {"status", "301"},
                                                    {"location", Encoded("https://alpha.localhost:443/x")}});
  std::string entry = AccessLogEntry(line, kContext);
  EXPECT_NE(entry.find(" - -1 -1 -1 301 - "), std::string::npos) << entry;
  EXPECT_NE(entry.find(" - \"Root=1-2-3\" \"-\" \"-\" 0 2026-11-29T12:51:19.320081Z \"redirect\" "
                       "\"https://alpha.localhost:443/x\" \"-\" \"-\" \"-\" "),
            std::string::npos)
      << entry;
  entry = AccessLogEntry(With(line, {{"location", "-"}, {"status", "404"}}), kContext);
  EXPECT_NE(entry.find(" \"fixed-response\" \"-\" "), std::string::npos) << entry;
}

TEST(AccessLogTest, ARequestOverTls) {
  const std::string line = With(Forwarded(), {{"tls", "1"},
                                              {"port", "8443"},
                                              {"version", "HTTP/2.0"},
                                              {"cipher", "TLS_AES_128_GCM_SHA256"},
                                              {"protocol", "TLSv1.3"},
                                              {"name", Encoded("alpha.localhost")},
                                              {"certificate", "AB12"}});
  const std::string entry = AccessLogEntry(line, kContext);
  EXPECT_TRUE(entry.starts_with("h2 ")) << entry;
  EXPECT_NE(entry.find("\"GET https://alpha.localhost:8443/x?y=1 HTTP/2.0\""), std::string::npos) << entry;
  EXPECT_NE(entry.find(" TLS_AES_128_GCM_SHA256 TLSv1.3 arn:"), std::string::npos) << entry;
  EXPECT_NE(entry.find(" \"alpha.localhost\" \"arn:aws:acm:us-east-1:1:certificate/1\" 10 "), std::string::npos)
      << entry;
  EXPECT_TRUE(AccessLogEntry(With(line, {{"status", "101"}}), kContext).starts_with("wss "));
}

TEST(AccessLogTest, AMalformedRequestAndAClientThatLeft) {
  std::string entry = AccessLogEntry(
      "end=1795956679339043 begin=- tls=0 port=8080 client=10.0.0.7:52000 target=-:- received=-1 queued=-1 "
      "connected=-1 "
      "answered=-1 status=400 target_status=- in=7 out=150 state=PR version=- method=- url=- host=- agent=- trace=- "
      "rule=- backend=p443 location=- cipher=- protocol=- name=- certificate=-",
      kContext);
  EXPECT_NE(entry.find(" - -1 -1 -1 400 - 7 150 \"- http://dev-alb-1.us-east-1.elb.amazonaws.com:8080- -\" \"-\" - - - "
                       "\"-\" \"-\" \"-\" - 2026-11-29T12:51:19.339043Z \"-\" "),
            std::string::npos)
      << entry;
  entry = AccessLogEntry(With(Forwarded(), {{"status", "400"}, {"target_status", "-"}, {"state", "CH"}}), kContext);
  EXPECT_NE(entry.find(" -1 -1 -1 460 - "), std::string::npos) << entry;
}

TEST(AccessLogTest, WhateverALineIsItsEntryHasEveryField) {
  for (const std::string line : {"", "x", "= == url=!! rule= backend= client= end=x", "url=%%% host=-"}) {
    const std::string entry = AccessLogEntry(line, kContext);
    EXPECT_EQ(std::count(entry.begin(), entry.end(), '\n'), 0);
    EXPECT_TRUE(entry.ends_with(" \"-\" \"-\" \"-\"")) << entry;
  }
}

TEST(AccessLogTest, FilesAreNamedAsAwsNamesThem) {
  EXPECT_EQ(AccessLogKey({"logs/dev", "123456789012", "us-east-1"}, "app/dev-alb/0011223344556677",
                         FromSeconds(1795956679), "10.0.1.4", "20sg8hgm"),
            "logs/dev/AWSLogs/123456789012/elasticloadbalancing/us-east-1/2026/11/29/"
            "123456789012_elasticloadbalancing_us-east-1_app.dev-alb.0011223344556677_20261129T1251Z_10.0.1.4_"
            "20sg8hgm.log.gz");
  EXPECT_TRUE(AccessLogKey({"", "1", "r"}, "app/a/b", FromSeconds(0), "i", "x").starts_with("AWSLogs/1/"));
}

std::string Unpack(const std::string& packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string text(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

TEST(AccessLogTest, FilesAreGzip) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + " and so on\n";
  EXPECT_LT(Gzip(text).size(), text.size() / 4);
  EXPECT_EQ(Unpack(Gzip(text)), text);
}

class AccessLogControllerTest : public ::testing::Test {
 protected:
  static constexpr const char* kBalancer =
      "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/dev-alb/0011223344556677";

  AccessLogControllerTest() {
    cloud_.settings.state_dir = folder_.path();
    PutBalancer("logs");
  }

  void PutBalancer(const std::string& bucket) {
    const auto txn = store_.Begin();
    txn->Put(kLoadBalancers, kBalancer,
             {{"LoadBalancerArn", kBalancer},
              {"_attributes",
               {{"access_logs.s3.enabled", bucket.empty() ? "false" : "true"}, {"access_logs.s3.bucket", bucket}}}});
    txn->Commit();
  }

  // HAProxy's part.
  void Send(const std::string& text) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (DirectoryOf(folder_.path(), kBalancer) / kAccessLogSocket).string();
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << path;
    ASSERT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    close(fd);
  }

  struct File {
    std::string bucket;
    std::string key;
    std::string text;
  };

  const testing::TemporaryFolder folder_;
  testing::FakeClock clock_{testing::FakeClock::Sleep::kAdvances};
  testing::FakeRandom random_;
  testing::FakeRuntime runtime_{clock_};
  Store store_{":memory:"};
  LogStore logs_{":memory:"};
  MetricStore metrics_{":memory:"};
  Cloud cloud_{.settings = {},
               .store = store_,
               .logs = logs_,
               .metrics = metrics_,
               .clock = clock_,
               .random = random_,
               .runtime = runtime_};
  std::vector<File> files_;
  bool refuses_ = false;
  std::unique_ptr<AccessLogController> controller_ = std::make_unique<AccessLogController>(
      cloud_, [this](const std::string& bucket, const std::string& key, const std::string& bytes) {
        if (refuses_) throw Error("Access Denied");
        files_.push_back({bucket, key, Unpack(bytes)});
      });
};

TEST_F(AccessLogControllerTest, EntriesOfAnIntervalBecomeAFile) {
  controller_->Pass(milliseconds(0));
  Send(Forwarded() + "\n" + Forwarded().substr(0, 100));  // the second line does not end
  Send(Forwarded() + "\n");
  controller_->Pass(seconds(5));
  EXPECT_TRUE(files_.empty()) << "not due";
  clock_.Advance(seconds(2));
  controller_->Pass(milliseconds(0));
  ASSERT_EQ(files_.size(), 1u);
  EXPECT_EQ(files_[0].bucket, "logs");
  EXPECT_TRUE(files_[0].key.ends_with(".log.gz")) << files_[0].key;
  EXPECT_EQ(std::count(files_[0].text.begin(), files_[0].text.end(), '\n'), 2) << files_[0].text;
  clock_.Advance(seconds(2));
  controller_->Pass(milliseconds(0));
  EXPECT_EQ(files_.size(), 1u) << "no file without entries";
}

TEST_F(AccessLogControllerTest, WithAwssTimingAFileTakesFiveMinutes) {
  cloud_.settings.timing.factor = 1;
  controller_->Pass(milliseconds(0));
  Send(Forwarded() + "\n");
  controller_->Pass(seconds(5));
  clock_.Advance(seconds(299));
  controller_->Pass(milliseconds(0));
  EXPECT_TRUE(files_.empty());
  clock_.Advance(seconds(1));
  controller_->Pass(milliseconds(0));
  EXPECT_EQ(files_.size(), 1u);
}

TEST_F(AccessLogControllerTest, WhatArrivedIsDeliveredWhereItBelongedAndAtTheEnd) {
  controller_->Pass(milliseconds(0));
  Send(Forwarded() + "\n");
  controller_->Pass(seconds(5));
  PutBalancer("others");
  controller_->Pass(milliseconds(0));
  ASSERT_EQ(files_.size(), 1u);
  EXPECT_EQ(files_[0].bucket, "logs");
  Send(Forwarded() + "\n");
  controller_.reset();
  ASSERT_EQ(files_.size(), 2u);
  EXPECT_EQ(files_[1].bucket, "others");
}

TEST_F(AccessLogControllerTest, ABucketThatRefusesLosesTheFileOnly) {
  controller_->Pass(milliseconds(0));
  Send(Forwarded() + "\n");
  controller_->Pass(seconds(5));
  refuses_ = true;
  clock_.Advance(seconds(2));
  controller_->Pass(milliseconds(0));
  refuses_ = false;
  Send(Forwarded() + "\n");
  controller_->Pass(seconds(5));
  PutBalancer("");
  controller_->Pass(milliseconds(0));
  EXPECT_EQ(files_.size(), 1u) << "and switching the log off delivers the rest";
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
