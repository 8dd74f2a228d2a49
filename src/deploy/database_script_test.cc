// The scripts that make and drop an environment's database, run on a PostgreSQL whose master user is what RDS makes
// of it. Skipped where none is installed.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/process.h"
#include "deploy/account_test.h"

namespace adhoc::deploy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMasterPassword = "MasterPassword";
constexpr const char* kSetup = R"(
CREATE ROLE rds_superuser;
GRANT pg_monitor, pg_signal_backend TO rds_superuser;
CREATE ROLE postgres LOGIN CREATEDB CREATEROLE PASSWORD 'MasterPassword';
GRANT rds_superuser TO postgres;
)";

// Of Debian's packages, which are not on PATH.
fs::path FindServer() {
  fs::path newest;
  std::error_code none;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
    if (fs::exists(version.path() / "bin/initdb")) newest = std::max(newest, version.path() / "bin");
  }
  if (newest.empty()) {
    if (const auto found = FindProgram("initdb")) newest = fs::canonical(*found).parent_path();
  }
  return newest;
}

class DatabaseScript : public InAnAccount {
 protected:
  void SetUp() override {
    programs_ = FindServer();
    if (programs_.empty() || !FindProgram("psql") || !FindProgram("setsid")) GTEST_SKIP() << "no PostgreSQL here";
    if (geteuid() == 0) {
      // PostgreSQL does not run as root.
      constexpr int kNobody = 65534;
      if (!FindProgram("setpriv")) GTEST_SKIP() << "no setpriv here";
      as_ = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
      ASSERT_EQ(chown(home_.path().c_str(), kNobody, kNobody), 0);
    }
    ASSERT_EQ(Server({"initdb", "-D", Data(), "-U", "rdsadmin", "-A", "trust", "--no-sync"}), 0) << error_;
    std::ofstream(Data() + "/pg_hba.conf") << "local all rdsadmin trust\nlocal all all scram-sha-256\n";
    ASSERT_EQ(Server({"pg_ctl", "-D", Data(), "-w", "-l", Log(), "-o",
                      fmt::format("-c listen_addresses='' -k {} -c fsync=off -c log_statement=all "
                                  "-c log_min_duration_statement=0",
                                  home_.path().string()),
                      "start"}),
              0)
        << error_;
    runs_ = true;
    ASSERT_EQ(As("rdsadmin", "postgres", kSetup).exit_code, 0);
    TakeScripts();
  }
  void TearDown() override {
    if (runs_) Server({"pg_ctl", "-D", Data(), "-m", "immediate", "stop"});
  }

  // As the engine gives them to its tasks.
  void TakeScripts() {
    const auto account = Make([this](const AwsCall& call) -> std::optional<net::Response> {
      if (!call.Is("ecs.RunTask")) return std::nullopt;
      const Json override = call.input["overrides"]["containerOverrides"][0];
      if (override["name"] == "database") scripts_.push_back(override["command"][2]);
      return std::nullopt;
    });
    ASSERT_TRUE(SharedUp());
    ASSERT_EQ(Up(account), "");
    ASSERT_EQ(Down(account), "");
    ASSERT_EQ(scripts_.size(), 2U);
  }
  // Without a terminal, as in a container.
  ProcessResult RunScript(const std::string& script, const std::string& environment = "alpha") {
    return RunProcess({"setsid", "-w", "sh", "-ec", script}, {.env = {{"PGHOST", home_.path().string()},
                                                                      {"PGUSER", "postgres"},
                                                                      {"PGPASSWORD", kMasterPassword},
                                                                      {"PGDATABASE", "postgres"},
                                                                      {"DB_NAME", environment + "-db"},
                                                                      {"DB_USER", environment},
                                                                      {"DB_PASSWORD", PasswordOf(environment)}}});
  }
  ProcessResult Create(const std::string& environment = "alpha") { return RunScript(scripts_[0], environment); }
  ProcessResult Drop(const std::string& environment = "alpha") { return RunScript(scripts_[1], environment); }

  ProcessResult As(const std::string& user, const std::string& database, const std::string& statements) {
    return RunProcess({"psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"},
                      {.env = {{"PGHOST", home_.path().string()},
                               {"PGUSER", user},
                               {"PGPASSWORD", PasswordOf(user)},
                               {"PGDATABASE", database}},
                       .input = statements});
  }
  std::string Ask(const std::string& question) { return As("rdsadmin", "postgres", question).out; }
  // Somebody who is connected until told otherwise.
  std::jthread Connect(const std::string& user, const std::string& database) {
    std::jthread session([=, this] { As(user, database, "SELECT pg_sleep(60)"); });
    const std::string there =
        fmt::format("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%pg_sleep%'", database);
    for (int i = 0; i < 200 && Ask(there) != "1\n"; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(Ask(there), "1\n");
    return session;
  }

  static std::string PasswordOf(const std::string& user) { return "PasswordOf" + user; }
  std::string Data() const { return (home_.path() / "data").string(); }
  std::string Log() const { return (home_.path() / "log").string(); }
  std::string LogText() const {
    std::ifstream file(Log());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int Server(std::vector<std::string> command) {
    command[0] = (programs_ / command[0]).string();
    command.insert(command.begin(), as_.begin(), as_.end());
    const ProcessResult result = RunProcess(command, {.working_directory = home_.path().string()});
    error_ = result.out + result.err;
    return result.exit_code;
  }

  const testing::TemporaryFolder home_;
  fs::path programs_;
  std::vector<std::string> as_;  // what runs the server's programs
  std::string error_;
  bool runs_ = false;
  std::vector<std::string> scripts_;
};

// Either makes and drops what the other does.
TEST_F(DatabaseScript, IsTheOneOfTheTerraformModule) {
  for (const auto& [index, name] : {std::pair(0, "create"), std::pair(1, "drop")}) {
    std::ifstream file(fmt::format("{}/terraform/ad-hoc-environment/{}-database.sh", ADHOC_SOURCE_DIR, name));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(scripts_[index] + "\n", text) << name;
  }
}

TEST_F(DatabaseScript, MayBeRunAgain) {
  const ProcessResult first = Create();
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.out, "database alpha-db and role alpha are ready\n");
  EXPECT_EQ(first.err, "");
  ASSERT_EQ(As("alpha", "alpha-db", "CREATE TABLE post (text text); INSERT INTO post VALUES ('first')").exit_code, 0);
  ASSERT_EQ(Create().exit_code, 0);
  EXPECT_EQ(As("alpha", "alpha-db", "SELECT text FROM post").out, "first\n");
  ASSERT_EQ(Drop().exit_code, 0);
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_database WHERE datname = 'alpha-db'"), "0\n");
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_roles WHERE rolname = 'alpha'"), "0\n");
  EXPECT_EQ(Drop().exit_code, 0);
}

TEST_F(DatabaseScript, TellsThePasswordToNobody) {
  ASSERT_EQ(Create().exit_code, 0);
  EXPECT_EQ(As("alpha", "alpha-db", "SELECT 1").exit_code, 0) << "it is the role's";
  EXPECT_NE(LogText().find("SCRAM-SHA-256$"), std::string::npos) << "all statements are in the log";
  EXPECT_EQ(LogText().find(PasswordOf("alpha")), std::string::npos);
}

TEST_F(DatabaseScript, LetsNobodyElseIn) {
  ASSERT_EQ(Create().exit_code, 0);
  ASSERT_EQ(Create("beta").exit_code, 0);
  EXPECT_EQ(As("beta", "beta-db", "SELECT 1").exit_code, 0);
  const ProcessResult refused = As("beta", "alpha-db", "SELECT 1");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("permission denied for database"), std::string::npos) << refused.err;
}

// PostgreSQL copies no database that somebody is connected to.
TEST_F(DatabaseScript, DoesNotMindWhoIsConnectedToTemplate1) {
  const std::jthread session = Connect("rdsadmin", "template1");
  const ProcessResult result = Create();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  Ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'template1'");
}

TEST_F(DatabaseScript, DropsADatabaseInWhichSomebodyIs) {
  ASSERT_EQ(Create().exit_code, 0);
  const std::jthread session = Connect("alpha", "alpha-db");
  const ProcessResult result = Drop();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_database WHERE datname = 'alpha-db'"), "0\n");
}

TEST_F(DatabaseScript, SaysWhatWentWrong) {
  Ask("ALTER ROLE postgres NOCREATEDB");
  const ProcessResult result = Create();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("permission denied to create database"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("Enter"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace adhoc::deploy
