#include "graph/graph.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace adhoc::graph {
namespace {

using State = Graph::Outcome::State;

Graph Diamond() {
  Graph graph;
  for (const char* name : {"vpc", "subnet", "igw", "nat"}) graph.Add(name);
  graph.Depend("subnet", "vpc");
  graph.Depend("igw", "vpc");
  graph.Depend("nat", "subnet");
  graph.Depend("nat", "igw");
  return graph;
}

std::vector<std::string> Order(const Graph& graph, Graph::Direction direction) {
  std::mutex mutex;
  std::vector<std::string> order;
  graph.Walk(direction, 4, [&](int vertex) {
    const std::lock_guard lock(mutex);
    order.push_back(graph.name(vertex));
  });
  return order;
}

TEST(GraphTest, VisitsDependenciesFirstAndInReverseBackwards) {
  const Graph graph = Diamond();
  const auto forward = Order(graph, Graph::Direction::kForward);
  ASSERT_EQ(forward.size(), 4);
  EXPECT_EQ(forward.front(), "vpc");
  EXPECT_EQ(forward.back(), "nat");
  const auto backward = Order(graph, Graph::Direction::kBackward);
  EXPECT_EQ(backward.front(), "nat");
  EXPECT_EQ(backward.back(), "vpc");
}

TEST(GraphTest, AFailureSkipsWhatIsBehindItAndNamesTheRoot) {
  const Graph graph = Diamond();
  const auto outcomes = graph.Walk(Graph::Direction::kForward, 2, [&](int vertex) {
    if (graph.name(vertex) == "igw") throw Error("quota reached", "ask for more");
  });
  EXPECT_EQ(outcomes[graph.Find("subnet")].state, State::kDone);
  EXPECT_EQ(outcomes[graph.Find("igw")].state, State::kFailed);
  EXPECT_EQ(outcomes[graph.Find("igw")].error, "quota reached");
  EXPECT_EQ(outcomes[graph.Find("igw")].hint, "ask for more");
  EXPECT_EQ(outcomes[graph.Find("nat")].state, State::kSkipped);
  EXPECT_EQ(outcomes[graph.Find("nat")].because, "igw");
}

TEST(GraphTest, IndependentVerticesRunAtTheSameTime) {
  Graph graph;
  graph.Add("a");
  graph.Add("b");
  std::atomic<int> inside = 0;
  std::atomic<bool> met = false;
  graph.Walk(Graph::Direction::kForward, 2, [&](int) {
    ++inside;
    for (int i = 0; i < 1000 && !met; ++i) {
      if (inside == 2) met = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_TRUE(met);
}

TEST(GraphTest, StopBeginsNothingNew) {
  const Graph graph = Diamond();
  std::stop_source stop;
  const auto outcomes = graph.Walk(
      Graph::Direction::kForward, 2, [&](int) { stop.request_stop(); }, stop.get_token());
  EXPECT_EQ(outcomes[graph.Find("vpc")].state, State::kDone);
  EXPECT_EQ(outcomes[graph.Find("nat")].because, "stopped");
}

TEST(GraphTest, ACircleIsNamed) {
  Graph graph;
  graph.Add("a");
  graph.Add("b");
  graph.Depend("a", "b");
  graph.Depend("b", "a");
  try {
    graph.CheckAcyclic();
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a → b → a"), std::string::npos);
  }
}

TEST(GraphTest, AnEmptyGraphIsWalkedAtOnce) {
  EXPECT_TRUE(Graph().Walk(Graph::Direction::kForward, 4, [](int) {}).empty());
}

}  // namespace
}  // namespace adhoc::graph
