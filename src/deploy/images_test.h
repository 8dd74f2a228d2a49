// The images of the definitions that the tests here bring up.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

#include "testing/fake_runtime.h"

namespace adhoc::deploy {

// Services run until they are stopped; what is run as a task ends.
inline void AddImages(testing::FakeRuntime& runtime) {
  const auto program = [](const localcloud::ContainerSpec& spec) {
    testing::FakeProcess process;
    const bool one_off = spec.labels.contains("adhoc.task") && (spec.command == std::vector<std::string>{"migrate"} ||
                                                                spec.labels.at("adhoc.container") == "database");
    if (one_off) process.exits_after = std::chrono::milliseconds(200);
    return process;
  };
  runtime.AddImage("localhost/adhoc/postgres:15", program);
  runtime.AddImage("localhost/adhoc/redis:7");
  for (const char* tag : {"v1", "v2"}) {
    runtime.AddImage(fmt::format("000000000000.dkr.ecr.us-east-1.amazonaws.com/backend:{}", tag), program);
  }
}

}  // namespace adhoc::deploy
