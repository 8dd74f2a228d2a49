#include "ci/github_job.h"

#include <gtest/gtest.h>

namespace adhoc::ci {
namespace {

TEST(GithubJob, AnnotationsAreEscaped) {
  EXPECT_EQ(Command({.title = "roll service a:b, c", .message = "100 %\nnext: line"}),
            "::error title=roll service a%3Ab%2C c::100 %25%0Anext: line");
  EXPECT_EQ(Command({.level = Level::kWarning, .message = "m"}), "::warning::m");
  EXPECT_EQ(Command({.level = Level::kNotice, .message = "m", .file = "envs/a.tfvars", .line = 3, .column = 7}),
            "::notice file=envs/a.tfvars,line=3,col=7::m");
  // A message that looks like a command stays a message.
  EXPECT_EQ(Command({.message = "::stop-commands::x\n::error::y"}), "::error::::stop-commands::x%0A::error::y");
}

TEST(GithubJob, OutputsOfSeveralLinesHaveADelimiter) {
  EXPECT_EQ(OutputEntry("url", "https://a.example.com", "d"), "url=https://a.example.com\n");
  EXPECT_EQ(OutputEntry("log", "one\ntwo", "d"), "log<<d\none\ntwo\nd\n");
}

TEST(GithubJob, FailuresAndWarningsBecomeAnnotations) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  auto recorder = std::make_unique<events::Recorder>();
  const auto* events = recorder.get();
  const auto sink = AnnotateFailures(std::move(recorder), out);
  sink->Emit(events::StepStarted{.step = "bucket", .action = "create"});
  sink->Emit(events::StepFailed{.step = "bucket", .action = "create", .error = "denied", .hint = "adhoc iam policy"});
  sink->Emit(events::Notice{.text = "hello"});
  sink->Emit(events::Notice{.level = events::Notice::Level::kWarning, .text = "slow"});
  std::fclose(out);
  EXPECT_EQ(std::string(text, size), "::error title=create bucket::denied%0Atry: adhoc iam policy\n::warning::slow\n");
  EXPECT_EQ(events->events().size(), 4u);
  std::free(text);
}

}  // namespace
}  // namespace adhoc::ci
