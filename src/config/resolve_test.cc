#include "config/resolve.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "testing/temporary_folder.h"

namespace adhoc::config {
namespace {

using Strings = std::vector<std::string>;
using Kind = Reference::Kind;

constexpr const char* kDefinition = R"(name: ublog
variables:
  be_image_tag: {type: string}
  redis_image: {type: string, default: "public.ecr.aws/docker/library/redis:7"}
  workers: {type: number, default: 1}
  cpu: {type: number, default: 256}
  port: {type: number, default: 8000}
  tags: {type: map(string), default: {frontend: v2.0.0}}
  extra_env: {type: map(string), default: {}}
  args: {type: list(string), default: [--verbose, "${not a reference}"]}
  hosts: {type: list(string), default: [a, b]}
  api_key: {type: string, default: ""}
  debug: {type: bool, default: true}
images:
  backend: {build: backend, tag: "${var.be_image_tag}", git: .repo}
  frontend: {build: frontend, tag: "${var.tags.frontend}", repository: fe}
database: {image: "localhost/postgres:15"}
bucket: {public: [static/*]}
secrets:
  KEY: {generate: 50}
  API_KEY: {value: "key-${var.api_key}"}
services:
  redis: {image: "${var.redis_image}", port: 6379, discoverable: true, memory: 1024}
  web:
    image: backend
    command: [serve, "--bind=0.0.0.0:${web.port}", "--host=${env.host}"]
    environment:
      URL: ${env.url}/x
      NAME: ${env.name}
      DATABASE: postgres://${database.user}@${database.host}:${database.port}/${database.name}
      REDIS: redis://${redis.address}:${redis.port}/0
      BUCKET: ${bucket.name} ${bucket.url}
      IMAGE: ${image.backend}
      DEBUG: ${var.debug}
      HOST: ${var.hosts.1}
      LITERAL: $${HOME} costs $5
      OVERRIDDEN: definition
    environment_from: ${var.extra_env}
    secrets: {PASSWORD: "${database.password}", KEY: "${secrets.KEY}"}
    port: ${var.port}
    paths: ["/api/*"]
    scale: ${var.workers}
    cpu: ${var.cpu}
    healthcheck: {path: /health, interval: 5}
  beat:
    image: backend
    healthcheck: {command: test -f /tmp/alive, unhealthy_threshold: 1}
    deployment: {minimum_healthy_percent: 0, maximum_percent: 100}
    spot: true
  front: {image: frontend, port: 80, paths: ["/*"], healthcheck: {command: [curl, localhost]}}
tasks:
  migrate: {image: backend, command: "${var.args}", when: before-update, secrets: [KEY, API_KEY]}
  shell: {image: backend, user: root, working_directory: /app, entrypoint: [sh], stop_timeout: 5}
targets:
  local: {http_port: 8080, variables: {redis_image: "localhost/redis:7"}}
  plain: {kind: local, http_port: 80, domain: test.localhost}
  secure: {kind: local, https: true, domain: secure.localhost}
  dev: {kind: aws, region: us-east-1, account: "111122223333", domain: dev.example.com}
)";

struct Resolved {
  Config config;
  Strings mistakes;
};

Resolved ResolveWith(const std::string& file, const std::string& target = "",
                     const std::string& definition_text = kDefinition, const std::string& environment = "alpha") {
  Diagnostics diagnostics;
  const auto definition = ParseDefinition(SourceText::FromText("adhoc.yaml", definition_text), diagnostics);
  EXPECT_EQ(diagnostics.Render(), "");
  const Variables variables = ParseTfvars(SourceText::FromText("v", file), diagnostics);
  const TargetDeclaration& declaration = definition->GetTarget(target);
  const auto bound = BindVariables(*definition, declaration, variables, {}, "v", diagnostics);
  Resolved resolved;
  resolved.config = Resolve(*definition, declaration, environment, bound, diagnostics);
  for (const Diagnostic& item : diagnostics.items()) {
    resolved.mistakes.push_back(item.range.ToString() + " " + item.summary +
                                (item.hint.empty() ? "" : " | " + item.hint));
  }
  return resolved;
}

std::map<std::string, std::string> Written(const std::map<std::string, Template>& environment) {
  std::map<std::string, std::string> written;
  for (const auto& [name, value] : environment) written[name] = value.ToString();
  return written;
}

TEST(Resolve, PutsVariablesAndTheEnvironmentIn) {
  const auto [config, mistakes] = ResolveWith(
      "be_image_tag = \"v1.0.0\"\nextra_env = { OVERRIDDEN = \"variables\", EXTRA = \"$${x}\" }\nworkers = 2\n");
  ASSERT_EQ(mistakes, Strings{});
  EXPECT_EQ(config.application, "ublog");
  EXPECT_EQ(config.environment, "alpha");
  EXPECT_EQ(config.host, "alpha.localhost");
  EXPECT_EQ(config.url, "http://alpha.localhost:8080");

  const Service* web = config.FindService("web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->image, (ImageSource{"backend", ""}));
  EXPECT_EQ(web->scale, 2);
  EXPECT_EQ(web->port, 8000);
  EXPECT_TRUE(web->load_balanced());
  EXPECT_EQ(web->healthcheck.path, "/health");
  EXPECT_EQ(web->healthcheck.interval, 5);
  EXPECT_EQ(web->healthcheck.timeout, 4);  // less than the interval
  ASSERT_EQ(web->command.size(), 3U);
  EXPECT_EQ(web->command[1], Template("--bind=0.0.0.0:8000"));
  EXPECT_EQ(web->command[2], Template("--host=alpha.localhost"));
  EXPECT_EQ(Written(web->environment),
            (std::map<std::string, std::string>{
                {"URL", "http://alpha.localhost:8080/x"},
                {"NAME", "alpha"},
                {"DATABASE", "postgres://${database.user}@${database.host}:${database.port}/${database.name}"},
                {"REDIS", "redis://${redis.address}:6379/0"},
                {"BUCKET", "${bucket.name} ${bucket.url}"},
                {"IMAGE", "${image.backend}"},
                {"DEBUG", "true"},
                {"HOST", "b"},
                {"LITERAL", "${HOME} costs $5"},
                {"OVERRIDDEN", "variables"},
                {"EXTRA", "${x}"},
            }));
  EXPECT_TRUE(web->environment.at("LITERAL").IsLiteral());
  EXPECT_TRUE(web->environment.at("EXTRA").IsLiteral());
  EXPECT_EQ(web->secrets.at("PASSWORD").kind, Kind::kDatabasePassword);
  EXPECT_EQ(web->secrets.at("KEY"), (Reference{Kind::kSecret, "KEY", {}}));
  const std::vector<Reference> redis = web->environment.at("REDIS").References();
  ASSERT_EQ(redis.size(), 1U);
  EXPECT_EQ(redis[0], (Reference{Kind::kServiceAddress, "redis", {}}));
  EXPECT_EQ(redis[0].range.ToString(), "adhoc.yaml:31:22");
}

TEST(Resolve, ReadsImagesTasksAndTheRest) {
  const auto [config, mistakes] = ResolveWith("be_image_tag = \"v1.0.0\"\napi_key = \"abc\"\n");
  ASSERT_EQ(mistakes, Strings{});
  const Image* backend = config.FindImage("backend");
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(backend->repository, "backend");
  EXPECT_EQ(backend->tag, "v1.0.0");
  EXPECT_EQ(backend->tag_variable, "be_image_tag");
  const Image* frontend = config.FindImage("frontend");
  EXPECT_EQ(frontend->repository, "fe");
  EXPECT_EQ(frontend->tag, "v2.0.0");
  EXPECT_EQ(frontend->tag_variable, "");  // only a part of a variable
  EXPECT_EQ(config.FindImage("other"), nullptr);

  const Service* redis = config.FindService("redis");
  EXPECT_EQ(redis->image, (ImageSource{"", "localhost/redis:7"}));  // the target's value
  EXPECT_TRUE(redis->discoverable);
  EXPECT_EQ(redis->cpu, 256);
  EXPECT_EQ(redis->memory, 1024);
  const Service* beat = config.FindService("beat");
  EXPECT_EQ(beat->deployment, (DeploymentLimits{0, 100}));
  EXPECT_EQ(beat->healthcheck.command, (Strings{"CMD-SHELL", "test -f /tmp/alive"}));
  EXPECT_TRUE(beat->spot);
  EXPECT_FALSE(redis->spot);
  EXPECT_EQ(config.FindService("front")->healthcheck.command, (Strings{"CMD", "curl", "localhost"}));

  ASSERT_EQ(config.tasks.size(), 2U);
  const Task* migrate = config.FindTask("migrate");
  EXPECT_EQ(migrate->when, Task::When::kBeforeUpdate);
  ASSERT_EQ(migrate->command.size(), 2U);
  EXPECT_EQ(migrate->command[1], Template("${not a reference}"));  // a variable's value is not looked into
  EXPECT_EQ(migrate->secrets.at("API_KEY"), (Reference{Kind::kSecret, "API_KEY", {}}));
  const Task* shell = config.FindTask("shell");
  EXPECT_EQ(shell->when, Task::When::kManual);
  EXPECT_EQ(shell->user, "root");
  EXPECT_EQ(shell->working_directory, "/app");
  EXPECT_EQ(shell->stop_timeout, 5);

  EXPECT_EQ(config.database->image, "localhost/postgres:15");
  EXPECT_EQ(config.bucket->public_patterns, (Strings{"static/*"}));
  EXPECT_EQ(config.secrets[0], (Secret{"KEY", 50, ""}));
  EXPECT_EQ(config.secrets[1], (Secret{"API_KEY", 0, "key-abc"}));
}

TEST(Resolve, LeavesSecretVariablesOutOfTheRecord) {
  const auto [config, mistakes] = ResolveWith("be_image_tag = \"v1.0.0\"\napi_key = \"abc\"\n");
  EXPECT_EQ(config.sensitive_variables, (Strings{"api_key"}));
  EXPECT_FALSE(config.variables.contains("api_key"));
  EXPECT_EQ(config.variables.at("be_image_tag"), Json("v1.0.0"));
  EXPECT_EQ(config.variables.at("redis_image"), Json("localhost/redis:7"));
}

TEST(Resolve, KnowsEachTargetsAddress) {
  struct Case {
    const char* target;
    const char* url;
  };
  for (const Case& test :
       {Case{"local", "http://alpha.localhost:8080"}, Case{"plain", "http://alpha.test.localhost"},
        Case{"secure", "https://alpha.secure.localhost:8443"}, Case{"dev", "https://alpha.dev.example.com"}}) {
    const auto [config, mistakes] = ResolveWith("be_image_tag = \"v1\"", test.target);
    EXPECT_EQ(mistakes, Strings{});
    EXPECT_EQ(config.url, test.url);
    EXPECT_EQ(config.services[1].environment.at("URL").ToString(), std::string(test.url) + "/x");
    EXPECT_EQ(config.services[0].spot, std::string_view(test.target) == "dev");
  }
}

TEST(Resolve, ReportsWhatValuesMakeWrong) {
  EXPECT_EQ(ResolveWith("be_image_tag = \"not a tag\"\nport = 0\nworkers = 1.5\ncpu = 512\ntags = {}\nhosts = [\"a\"]\n"
                        "extra_env = { \"A-B\" = \"x\", KEY = \"y\" }\nredis_image = \"redis\"\n")
                .mistakes,
            (Strings{
                "adhoc.yaml:15:34 `images.backend.tag` is not valid: a tag may not have a space",
                "adhoc.yaml:16:37 the variable `tags` has no `frontend`",
                "adhoc.yaml:23:18 unknown image `redis`: `images:` has no such entry | declare it in `images:`, or "
                "write a full name such as docker.io/library/redis:latest",
                "adhoc.yaml:35:13 the variable `hosts` has no `1` | it has 1 items, counted from 0",
                "adhoc.yaml:38:23 `A-B` in the variable `extra_env` is no name of an environment variable: it may have "
                "only letters, digits and underscores, and has `-`",
                "adhoc.yaml:39:49 `KEY` is set in `environment` and in `secrets` | remove one of the two",
                "adhoc.yaml:40:11 `services.web.port` has to be a whole number from 1 to 65535, found the number 0",
                "adhoc.yaml:42:12 `services.web.scale` has to be a whole number from 0 to 1000, found the number 1.5",
            }));
}

TEST(Resolve, ReportsUnsetVariablesOnce) {
  EXPECT_EQ(ResolveWith("").mistakes,
            (Strings{"adhoc.yaml:3:3 `be_image_tag` is not set: it has no default | add to v: be_image_tag = \"…\""}));
}

TEST(Resolve, NamesTheKeyThatAMapLacks) {
  const std::string definition =
      "name: x\nvariables: {m: {type: map(string), default: {frontend: a}}, any: {type: any, default: {a: {b: 1}}}}\n"
      "services: {a: {image: r:1, environment: {A: \"${var.m.frontnd}\", B: \"${var.any.a}\", C: "
      "\"${var.any.a.b}\"}}}\n";
  EXPECT_EQ(ResolveWith("", "", definition).mistakes,
            (Strings{"adhoc.yaml:3:46 the variable `m` has no `frontnd` | did you mean `frontend`?",
                     "adhoc.yaml:3:69 `${var.any.a}` is a map: only a text, number or boolean can stand in a text | "
                     "take one of its values: ${var.any.a.KEY}"}));
}

TEST(Resolve, ChecksPairsThatVariablesMake) {
  const std::string definition =
      "name: x\nvariables: {n: {type: number}}\n"
      "services: {a: {image: r:1, cpu: 1024, memory: \"${var.n}\", scale: \"${var.n}\", deployment: "
      "{minimum_healthy_percent: 50, maximum_percent: 100}}}\n";
  EXPECT_EQ(
      ResolveWith("n = 1", "", definition).mistakes,
      (Strings{
          "adhoc.yaml:3:47 `services.a.memory` has to be a whole number from 512 to 122880, found the number 1",
          "adhoc.yaml:3:78 `services.a.deployment` leaves no room for a new version: 1 of 1 tasks have to run, and no "
          "more than 1 may | write "
          "minimum_healthy_percent: 0 to stop the old one first, or maximum_percent: 200 to start the new one first"}));
}

class LoadConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "envs");
    options_.definition = folder_ / "adhoc.yaml";
    options_.environment = "alpha";
  }

  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  std::string Failure() {
    try {
      LoadConfig(options_);
    } catch (const DiagnosticsError& error) {
      return error.diagnostics().Render();
    } catch (const Error& error) {
      return std::string(error.what()) + " | " + error.hint();
    }
    return "";
  }

  const adhoc::testing::TemporaryFolder temporary_;
  const std::filesystem::path& folder_ = temporary_.path();
  LoadOptions options_;
};

TEST_F(LoadConfigTest, LoadsTheEnvironmentsFile) {
  Write("adhoc.yaml", kDefinition);
  Write("envs/alpha.tfvars", "be_image_tag = \"v1.0.0\"\n");
  const Config config = LoadConfig(options_);
  EXPECT_EQ(config.FindImage("backend")->tag, "v1.0.0");
  EXPECT_EQ(config.variables_file, (folder_ / "envs" / "alpha.tfvars").string());
  EXPECT_EQ(config.directory, folder_.string());
}

TEST_F(LoadConfigTest, TakesAnotherFileTargetAndOverrides) {
  Write("adhoc.yaml", kDefinition);
  Write("other.tfvars", "be_image_tag = \"v1.0.0\"\n");
  options_.variables = folder_ / "other.tfvars";
  options_.target = "dev";
  options_.overrides = {{"workers", "3"}};
  const Config config = LoadConfig(options_);
  EXPECT_EQ(config.host, "alpha.dev.example.com");
  EXPECT_EQ(config.FindService("web")->scale, 3);
  options_.target = "prod";
  EXPECT_EQ(Failure(),
            "unknown target `prod`: the definition has no such target | use one of: local, plain, secure, dev");
}

TEST_F(LoadConfigTest, SaysWhatIsMissing) {
  options_.definition = folder_ / "none.yaml";
  EXPECT_NE(Failure().find("none.yaml does not exist"), std::string::npos);
  options_.definition = folder_ / "adhoc.yaml";
  Write("adhoc.yaml", kDefinition);
  Write("envs/alpah.tfvars", "");
  EXPECT_NE(Failure().find("did you mean `alpah`?"), std::string::npos);
  options_.environment = "Alpha";
  EXPECT_NE(Failure().find("`Alpha` is no name for an environment"), std::string::npos);
  options_.environment = "dev";
  Write("envs/dev.tfvars", "be_image_tag = \"v1.0.0\"\n");
  EXPECT_NE(Failure().find("the shared resources of target `local` are called so"), std::string::npos);
}

TEST_F(LoadConfigTest, ShowsTheMistakesOfVariablesAndWhatTheyCauseTogether) {
  Write("adhoc.yaml", kDefinition);
  Write("envs/alpha.tfvars", "be_image_tag = v1.0.0\nworkers = 5000\nwrokers = 1\n");
  const std::string folder = folder_.string();
  EXPECT_EQ(
      Failure(),
      folder + R"(/envs/alpha.tfvars:1:16: error: expected a value, found the bare word `v1.0.0`
     1 | be_image_tag = v1.0.0
       |                ^~~~~~
  hint: a text has double quotes: "v1.0.0"
)" + folder +
          R"(/envs/alpha.tfvars:3:1: error: unknown variable: `wrokers` is not declared
     3 | wrokers = 1
       | ^~~~~~~
  hint: did you mean `workers`?
)" + folder +
          R"(/adhoc.yaml:42:12: error: `services.web.scale` has to be a whole number from 0 to 1000, found the number 5000
    42 |     scale: ${var.workers}
       |            ^~~~~~~~~~~~~~
)");
}

TEST_F(LoadConfigTest, ShowsTheMistakesOfBothFiles) {
  Write("adhoc.yaml", "name: x\nservice: {}\nservices: {a: {image: r:1}}\n");
  Write("envs/alpha.tfvars", "tag = v1\n");
  const std::string failure = Failure();
  EXPECT_NE(failure.find("adhoc.yaml:2:1: error: unknown key `service`"), std::string::npos);
  EXPECT_NE(failure.find("envs/alpha.tfvars:1:7: error: expected a value, found the bare word `v1`"),
            std::string::npos);
}

TEST_F(LoadConfigTest, RefusesNamesThatDoNotFit) {
  Write("adhoc.yaml", "name: x\nservices: {application-server: {image: r:1, port: 1, paths: [/*]}}\n");
  options_.environment = "a-rather-long-name";
  Write("envs/a-rather-long-name.tfvars", "");
  EXPECT_NE(Failure().find("`a-rather-long-name-application-server` (target group of application-server) has 37 "
                           "characters, and may have 32"),
            std::string::npos);
}

}  // namespace
}  // namespace adhoc::config
