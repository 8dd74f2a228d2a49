#include "config/definition.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "testing/temporary_folder.h"

namespace adhoc::config {
namespace {

using Strings = std::vector<std::string>;

struct Parsed {
  std::optional<Definition> definition;
  Diagnostics diagnostics;
};

Parsed Parse(std::string text) {
  Parsed parsed;
  parsed.definition = ParseDefinition(SourceText::FromText("adhoc.yaml", std::move(text)), parsed.diagnostics);
  return parsed;
}

Strings Mistakes(const std::string& text) {
  Strings mistakes;
  const Parsed parsed = Parse(text);
  for (const Diagnostic& item : parsed.diagnostics.items()) {
    std::string mistake =
        std::to_string(item.range.begin.line) + ":" + std::to_string(item.range.begin.column) + " " + item.summary;
    if (!item.hint.empty()) mistake += " | " + item.hint;
    mistakes.push_back(std::move(mistake));
  }
  return mistakes;
}

// The mistakes of a definition that is right but for these lines.
Strings MistakesWith(const std::string& lines) {
  return Mistakes("name: x\n" + lines +
                  (lines.find("services:") == std::string::npos ? "\nservices: {a: {image: redis:7}}\n" : ""));
}

constexpr const char* kComplete = R"(name: ublog
shared: dev
domain: localhost
variables:
  be_image_tag: {type: string, description: the backend's tag, pattern: "v[0-9.]+"}
  redis_image: {type: string, default: "redis:7"}
  workers: {type: number, default: 2, minimum: 1, maximum: 5}
  debug: {type: bool, default: false}
  level: {default: info, one_of: [debug, info]}
  extra_env: {type: map(string), default: {}}
  args: {type: list(string), default: [-v]}
  api_key: {type: string, sensitive: true}
images:
  backend: {build: backend, tag: "${var.be_image_tag}", repository: team/backend, git: .repo, args: {LEVEL: "${var.level}"}}
database: {image: "${var.redis_image}", version: 15, class: db.t4g.small, storage: 50, seed: seed.sql}
bucket: {public: [static/*, media/*]}
secrets:
  KEY: {generate: 50}
  API_KEY: {value: "${var.api_key}"}
x-common: &common
  image: backend
  environment: &environment
    A: one
    HOST: ${database.host}:${database.port}
services:
  redis: {image: "${var.redis_image}", port: 6379, discoverable: true}
  web:
    <<: *common
    command: [gunicorn, "--bind=:${web.port}"]
    environment:
      <<: *environment
      A: two
      REDIS: redis://${redis.address}:${redis.port}/0
    environment_from: ${var.extra_env}
    secrets: {PASSWORD: "${database.password}", KEY: "${secrets.KEY}"}
    port: 8000
    paths: ["/api/*"]
    scale: ${var.workers}
    healthcheck: {path: /health, interval: 5, timeout: 3, healthy_threshold: 2, unhealthy_threshold: 4, matcher: "200-299", grace_period: 60}
tasks:
  migrate: {<<: *common, command: "${var.args}", when: before-update, secrets: [KEY, API_KEY]}
targets:
  local: {kind: local, http_port: 8080, variables: {redis_image: localhost/redis:7, workers: 1}}
  dev:
    kind: aws
    region: eu-central-1
    account: "111122223333"
    domain: dev.example.com
    profile: dev
    role: arn:aws:iam::111122223333:role/deploy
    certificate: arn:aws:acm:eu-central-1:111122223333:certificate/abc
    hosted_zone: Z123
    permissions_boundary: true
    spot: false
    network: {cidr: 10.1.0.0/16, zones: 3, nat: none, ingress: [192.0.2.0/24]}
)";

TEST(Definition, ReadsEverything) {
  const Parsed parsed = Parse(kComplete);
  EXPECT_EQ(parsed.diagnostics.Render(), "");
  ASSERT_TRUE(parsed.definition);
  const Definition& definition = *parsed.definition;
  EXPECT_EQ(definition.name, "ublog");
  EXPECT_EQ(definition.directory, ".");
  EXPECT_EQ(definition.default_target, "local");
  EXPECT_EQ(definition.service_names, (Strings{"redis", "web"}));
  EXPECT_EQ(definition.task_names, (Strings{"migrate"}));

  ASSERT_EQ(definition.variables.size(), 8U);
  const VariableDeclaration* workers = definition.FindVariable("workers");
  ASSERT_NE(workers, nullptr);
  EXPECT_EQ(workers->type.ToString(), "number");
  EXPECT_EQ(workers->default_value, Json(2));
  EXPECT_EQ(workers->maximum, 5);
  EXPECT_EQ(definition.FindVariable("extra_env")->type.ToString(), "map(string)");
  EXPECT_EQ(definition.FindVariable("level")->type.ToString(), "string");
  EXPECT_TRUE(definition.FindVariable("api_key")->sensitive);
  EXPECT_FALSE(definition.FindVariable("be_image_tag")->default_value);

  const Target& local = definition.GetTarget("").target;
  EXPECT_EQ(local.kind, TargetKind::kLocal);
  EXPECT_EQ(local.http_port, 8080);
  EXPECT_EQ(local.domain, "localhost");
  EXPECT_FALSE(local.spot);
  EXPECT_EQ(definition.GetTarget("local").variables[1].value, Json(1));
  const Target& dev = definition.GetTarget("dev").target;
  EXPECT_EQ(dev.kind, TargetKind::kAws);
  EXPECT_EQ(dev.region, "eu-central-1");
  EXPECT_EQ(dev.account, "111122223333");
  EXPECT_EQ(dev.domain, "dev.example.com");
  EXPECT_EQ(dev.shared, "dev");
  EXPECT_EQ(dev.network.zones, 3);
  EXPECT_EQ(dev.network.nat, NatKind::kNone);
  EXPECT_EQ(dev.network.ingress, (Strings{"192.0.2.0/24"}));
  EXPECT_FALSE(dev.spot);
  EXPECT_TRUE(dev.makes_boundary);

  const Image& backend = definition.GetImage("backend");
  EXPECT_EQ(backend.repository, "team/backend");
  EXPECT_EQ(backend.tag_variable, "be_image_tag");
  EXPECT_EQ(backend.tag, "");  // unknown without an environment
}

TEST(Definition, NeedsLittle) {
  const Parsed parsed = Parse("name: x\nservices: {a: {image: redis:7}}\n");
  EXPECT_EQ(parsed.diagnostics.Render(), "");
  ASSERT_EQ(parsed.definition->targets.size(), 1U);
  EXPECT_EQ(parsed.definition->default_target, "local");
  EXPECT_EQ(parsed.definition->targets[0].target.shared, "dev");
}

TEST(Definition, NamesWhatIsUnknown) {
  const Definition definition = *Parse(kComplete).definition;
  try {
    (void)definition.GetTarget("dve");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "unknown target `dve`: the definition has no such target");
    EXPECT_EQ(error.hint(), "did you mean `dev`?");
  }
  EXPECT_THROW((void)definition.GetImage("frontend"), Error);
}

TEST(Definition, ChoosesTheDefaultTarget) {
  constexpr const char* kAws = "{kind: aws, region: us-east-1, account: \"111122223333\", domain: a.example.com}";
  EXPECT_EQ(Parse(std::string("name: x\nservices: {a: {image: r:7}}\ntargets: {b: ") + kAws + ", a: " + kAws + "}")
                .definition->default_target,
            "b");
  const Parsed chosen = Parse(
      std::string("name: x\ndefault_target: a\nservices: {a: {image: r:7}}\ntargets: {local: {}, a: ") + kAws + "}");
  EXPECT_EQ(chosen.diagnostics.Render(), "");
  EXPECT_EQ(chosen.definition->default_target, "a");
}

TEST(Definition, RefusesHttpsWithoutADomainThatCertificatesHave) {
  EXPECT_EQ(
      MistakesWith("targets: {local: {https: true}}"),
      (Strings{"2:26 `targets.local.https` needs a domain with a dot: no certificate can be had for *.localhost | add "
               "domain: dev.localhost"}));
  EXPECT_EQ(MistakesWith("targets: {local: {https: true, domain: dev.localhost}}"), Strings{});
}

TEST(Definition, ABoundaryIsMadeOrOfTheAccount) {
  const auto with = [](const std::string& value) {
    return "targets: {dev: {kind: aws, region: us-east-1, account: \"111122223333\", domain: a.example.com, "
           "permissions_boundary: " +
           value + "}}";
  };
  const auto target = [&](const std::string& value) {
    return Parse("name: x\nservices: {a: {image: r:7}}\n" + with(value)).definition->targets[0].target;
  };
  EXPECT_TRUE(target("true").makes_boundary);
  EXPECT_EQ(target("true").permissions_boundary, "");
  EXPECT_FALSE(target("false").makes_boundary);
  EXPECT_EQ(target("false").permissions_boundary, "");
  for (const char* arn : {"arn:aws:iam::111122223333:policy/limits/tasks", "arn:aws:iam::aws:policy/PowerUserAccess"}) {
    EXPECT_FALSE(target(arn).makes_boundary);
    EXPECT_EQ(target(arn).permissions_boundary, arn);
  }
  EXPECT_EQ(
      MistakesWith(with("arn:aws:iam::111122223333:role/x")),
      (Strings{"2:117 `targets.dev.permissions_boundary` is not valid: it is not an ARN of a policy | true for one "
               "that adhoc bootstrap makes"}));
  EXPECT_EQ(MistakesWith("targets: {local: {permissions_boundary: true}}"),
            (Strings{"2:19 `targets.local.permissions_boundary` is for AWS targets only | remove it"}));
}

TEST(Definition, ReportsStructure) {
  EXPECT_EQ(Mistakes(""),
            (Strings{"1:1 the definition has to be a map, found nothing | start with name: and services:"}));
  EXPECT_EQ(Mistakes("- a"),
            (Strings{"1:1 the definition has to be a map, found a list | start with name: and services:"}));
  EXPECT_EQ(Mistakes("services: {a: {image: r:1}}"),
            (Strings{"1:1 the definition has no `name` | add name: with the name of the application"}));
  EXPECT_EQ(Mistakes("name: x"),
            (Strings{"1:1 the definition has no services | add `services:` with what has to run"}));
  EXPECT_EQ(Mistakes("name: x\nservice: {}\nservices: {a: {image: r:1}}"),
            (Strings{"2:1 unknown key `service` in `adhoc.yaml` | did you mean `services`?"}));
  EXPECT_EQ(MistakesWith("name: y"), (Strings{"2:1 `name` is set twice: first in line 1 | remove one of the two"}));
  EXPECT_EQ(
      MistakesWith("shared: Dev"),
      (Strings{"2:9 `shared` is not valid: it may have only lower-case letters, digits and hyphens, and has `D`"}));
  EXPECT_EQ(MistakesWith("domain: ${var.x}"),
            (Strings{"2:9 `domain` cannot hold references | write the value itself"}));
  EXPECT_EQ(MistakesWith("default_target: locl"), (Strings{"2:17 unknown target `locl` | did you mean `local`?"}));
  EXPECT_EQ(MistakesWith("services: [a]"), (Strings{"2:11 `services` has to be a map, found a list"}));
  EXPECT_EQ(MistakesWith("services: {a: redis}"),
            (Strings{"2:15 `services.a` has to be a map, found the text `redis`"}));
}

TEST(Definition, ReportsYamlMistakes) {
  EXPECT_EQ(Mistakes("name: x\n---\nname: y").back(),
            "2:1 the file has more than one document | remove the second `---` and what follows");
  const Strings flow = Mistakes("name: x\nservices:\n  a: {image: ${var.x}}\n");
  ASSERT_EQ(flow.size(), 1U);
  EXPECT_NE(flow[0].find("inside { } and [ ], put a value that holds ${…} in quotes"), std::string::npos) << flow[0];
  const Strings star = Mistakes("name: x\nservices:\n  a:\n    paths:\n      - */x\n");
  ASSERT_EQ(star.size(), 1U);
  EXPECT_NE(star[0].find("put a value that starts with * in quotes"), std::string::npos) << star[0];
  EXPECT_EQ(MistakesWith("services: {a: &a {<<: *a}}"),
            (Strings{"2:23 this alias stands inside its own anchor | an anchor cannot contain itself"}));
  EXPECT_EQ(MistakesWith("services: {a: {<<: 5, image: r:1}}"),
            (Strings{"2:15 `<<` takes a map or a list of maps: found the number 5 | write: <<: *anchor"}));
  EXPECT_EQ(MistakesWith("x-a: !Ref a"),
            (Strings{"2:6 YAML tags have no meaning here: found `!Ref` | remove the tag"}));
  EXPECT_EQ(Mistakes(std::string("name: \0x", 8)),
            (Strings{"1:7 control character U+0000 | remove it, or write it as an escape"}));
  EXPECT_EQ(Mistakes("name: \xff"),
            (Strings{"1:7 the file is not valid UTF-8: stray byte here | save the file as UTF-8"}));
}

TEST(Definition, PointsRightBehindMultiByteCharactersAndByteOrderMarks) {
  EXPECT_EQ(Mistakes("\xEF\xBB\xBFname: x\r\nx-é: {é: 1}\r\nservices: {a: {image: r:1, prot: 1}}\r\n"),
            (Strings{"3:28 unknown key `prot` in `services.a` | did you mean `port`?"}));
  EXPECT_EQ(MistakesWith("x-é: é\nservices: {a: {image: r:1, user: \"é ${env.nam}\"}}"),
            (Strings{"3:37 unknown reference: `${env.nam}` | did you mean `${env.name}`?"}));
}

TEST(Definition, SurvivesAliasBombsAndDeepNesting) {
  std::string bomb = "name: x\nx-0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    bomb += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ",") + alias;
    bomb += "]\n";
  }
  const Strings mistakes = Mistakes(bomb);
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_NE(mistakes[0].find("the file is too large: more than 200000 values, aliases followed"), std::string::npos);
  for (const std::size_t depth : {60U, 5000U}) {
    const Strings deep = Mistakes("name: " + std::string(depth, '[') + std::string(depth, ']'));
    ASSERT_EQ(deep.size(), 1U);
    EXPECT_NE(deep[0].find("nested too deeply"), std::string::npos) << deep[0];
  }
  EXPECT_NE(Mistakes(std::string(2'000'000, 'a'))[0].find("the file is too large"), std::string::npos);
}

TEST(Definition, MergesLikeYaml) {
  const Parsed parsed = Parse(
      "name: x\nx-a: &a {image: r:1, cpu: 512}\nx-b: &b {cpu: 1024, memory: 2048}\n"
      "services: {s: {<<: [*a, *b]}, t: {cpu: 256, <<: *a}}\n");
  EXPECT_EQ(parsed.diagnostics.Render(), "");
}

TEST(Definition, ReportsTheMistakeOfAnAnchorOnce) {
  EXPECT_EQ(Mistakes("name: x\nx-a: &a {image: r:1, cpu: abc, environment: {A: \"${env.nam}\"}}\n"
                     "services: {b: {<<: *a}, c: {<<: *a}}\ntasks: {d: {<<: *a}}\n"),
            (Strings{"2:50 unknown reference: `${env.nam}` | did you mean `${env.name}`?",
                     "2:27 `services.b.cpu` has to be a whole number from 256 to 16384, found the text `abc`"}));
}

TEST(Definition, ReportsVariables) {
  struct Case {
    const char* declaration;
    const char* mistake;
  };
  for (const Case& test : {
           Case{"a-b: {}",
                "2:13 `a-b` is no name for a variable: it may have only letters, digits and underscores, and has `-`"},
           Case{"a: {type: strng}", "2:23 unknown type: `strng` | did you mean `string`?"},
           Case{"a: {type: set(string)}",
                "2:23 unknown type: `set(string)` | use string, number, bool, list(T), map(T), object or any"},
           Case{"a: {typ: string}", "2:17 unknown key `typ` in `variables.a` | did you mean `type`?"},
           Case{"a: {type: number, default: abc}",
                "2:40 `variables.a.default` has to be a number, found the text `abc`"},
           Case{"a: {type: number, default: \"5\"}",
                "2:40 `variables.a.default` has to be a number, found the text `5`"},
           Case{"a: {type: bool, default: yes}",
                "2:38 `variables.a.default` has to be true or false, found the text `yes`"},
           Case{"a: {type: list(number), default: [1, x]}",
                "2:50 `variables.a.default[1]` has to be a number, found the text `x`"},
           Case{"a: {type: map(string), default: {k: [1]}}",
                "2:49 `variables.a.default.k` has to be a text, found a list"},
           Case{"a: {default: }",
                "2:26 `variables.a.default` has no value | leave it out for a variable that every environment has to "
                "set, or write \"\" for an empty text"},
           Case{"a: {default: x, one_of: [y, z]}", "2:26 `variables.a.default` is not valid: it has to be one of y, z"},
           Case{"a: {default: x, pattern: \"[0-9]+\", message: digits only}",
                "2:26 `variables.a.default` is not valid: digits only"},
           Case{"a: {type: number, default: 9, maximum: 5}",
                "2:40 `variables.a.default` is not valid: it may be at most 5"},
           Case{"a: {minimum: 5}",
                "2:17 `variables.a.minimum` is for a variable of type number, and this one is string"},
           Case{"a: {sensitive: true, default: x}",
                "2:34 `a` is sensitive: a default would put it in git | leave `default` out"},
       }) {
    EXPECT_EQ(MistakesWith(std::string("variables: {") + test.declaration + "}"), Strings{test.mistake})
        << test.declaration;
  }
  const Strings broken = MistakesWith("variables: {a: {pattern: \"[\"}}");
  ASSERT_EQ(broken.size(), 1U);
  EXPECT_NE(broken[0].find("`variables.a.pattern` is no regular expression"), std::string::npos);
}

TEST(Definition, ReportsServices) {
  struct Case {
    const char* body;
    Strings mistakes;
  };
  const Case cases[] = {
      {"imagee: r:1",
       {"2:21 unknown key `imagee` in `services.web` | did you mean `image`?",
        "2:15 `services.web` has no image | add `image:`"}},
      {"image: r:1, ports: [80]",
       {"2:33 unknown key `ports` in `services.web` | write `port:` with the port that the container listens on"}},
      {"image: r:1, depends_on: [x]",
       {"2:33 unknown key `depends_on` in `services.web` | leave it out: what a service refers to is made first"}},
      {"image: r:1, xyzzy: 1",
       {"2:33 unknown key `xyzzy` in `services.web` | use one of: image, entrypoint, command, environment, "
        "environment_from, secrets, cpu, memory, user, working_directory, stop_timeout, architecture, "
        "platform_version, port, scale, paths, discoverable, spot, healthcheck, deployment, deregistration_delay"}},
      {"image: redis",
       {"2:28 unknown image `redis`: `images:` has no such entry | declare it in `images:`, or write a full name such "
        "as docker.io/library/redis:latest"}},
      {"image: \"a b:1\"", {"2:28 `services.web.image` is not valid: an image's name may not have a space"}},
      {"image: r:1, port: abc",
       {"2:39 `services.web.port` has to be a whole number from 1 to 65535, found the text `abc`"}},
      {"image: r:1, port: 99999",
       {"2:39 `services.web.port` has to be a whole number from 1 to 65535, found the number 99999"}},
      {"image: r:1, port: \"80\"",
       {"2:39 `services.web.port` has to be a whole number from 1 to 65535, found the text `80` | leave the quotes "
        "out"}},
      {"image: r:1, port: [80]", {"2:39 `services.web.port` has to be a whole number from 1 to 65535, found a list"}},
      {"image: r:1, port: 1.5",
       {"2:39 `services.web.port` has to be a whole number from 1 to 65535, found the number 1.5"}},
      {"image: r:1, discoverable: yes",
       {"2:47 `services.web.discoverable` has to be true or false, found the text `yes`"}},
      {"image: r:1, command: run me",
       {"2:42 `services.web.command` has to be a list, found the text `run me` | write [program, argument, …], or [sh, "
        "-c, \"…\"] for a shell"}},
      {"image: r:1, command: [a, [b]]", {"2:46 `services.web.command[1]` has to be a text, found a list"}},
      {"image: r:1, architecture: arm",
       {"2:47 `services.web.architecture` is not valid: Fargate has no `arm` | use one of: x86_64, arm64"}},
      {"image: r:1, platform_version: \"1.3.0\"",
       {"2:51 `services.web.platform_version` is not valid: Fargate has no platform version `1.3.0` for what runs "
        "here; "
        "it has LATEST and 1.4.0 | write LATEST, or leave it out"}},
      {"image: r:1, cpu: 256, memory: 4096",
       {"2:51 the size of `services.web` does not exist: with 256 CPU units Fargate has 512, 1024, 2048 MiB of memory, "
        "not 4096"}},
      {"image: r:1, cpu: 300",
       {"2:38 the size of `services.web` does not exist: Fargate has no 300 CPU units; it has 256, 512, 1024, 2048, "
        "4096, 8192, 16384"}},
      {"image: r:1, memory: 700",
       {"2:41 `services.web.memory`: Fargate has no 700 MiB | use 512, or a multiple of 1024"}},
      {"image: r:1, paths: [/*]",
       {"2:33 `services.web` has paths, but no port for the load balancer to talk to | add `port:`"}},
      {"image: r:1, port: 1, paths: [api]",
       {"2:50 `services.web.paths[0]` is not valid: a path pattern starts with `/`"}},
      {"image: r:1, port: 1, paths: [/a, /a]",
       {"2:54 `/a` stands twice in `services.web.paths` | remove one of the two"}},
      {"image: r:1, port: 1, paths: [\"/*/*/*/?/?/?\"]",
       {"2:50 `services.web.paths[0]` is not valid: a path pattern has at most 5 wildcards, this one 6"}},
      {"image: r:1, port: 1, paths: /a",
       {"2:49 `services.web.paths` has to be a list, found the text `/a` | write [\"/a\"]"}},
      {"image: r:1, port: 1, paths: []", {"2:49 `services.web.paths` is empty | leave `paths` out"}},
      {"image: r:1, healthcheck: {path: /}",
       {"2:33 `services.web.healthcheck` has no effect: the service has no `paths`, so no load balancer asks it | add "
        "`command:` to check from inside the container, or remove it"}},
      {"image: r:1, healthcheck: {command: [a], matcher: 200}",
       {"2:61 `services.web.healthcheck.matcher` is for services with `paths` | remove it"}},
      {"image: r:1, port: 1, paths: [/], healthcheck: {path: health}",
       {"2:74 `services.web.healthcheck.path` is not valid: it has to start with `/`"}},
      {"image: r:1, port: 1, paths: [/], healthcheck: {interval: 3}",
       {"2:78 `services.web.healthcheck.interval` has to be a whole number from 5 to 300, found the number 3"}},
      {"image: r:1, port: 1, paths: [/], healthcheck: {interval: 10, timeout: 10}",
       {"2:91 `services.web.healthcheck.timeout` has to be less than the interval: 10 ≥ 10"}},
      {"image: r:1, port: 1, paths: [/], healthcheck: {healthy_threshold: 1}",
       {"2:87 `services.web.healthcheck.healthy_threshold` has to be a whole number from 2 to 10, found the number 1"}},
      {"image: r:1, port: 1, paths: [/], healthcheck: {matcher: ok}",
       {"2:77 `services.web.healthcheck.matcher` is not valid: write status codes from 200 to 499 as 200, 200,302 or "
        "200-299"}},
      {"image: r:1, deployment: {minimum_healthy_percent: 100, maximum_percent: 100}",
       {"2:33 `services.web.deployment` leaves no room for a new version: 1 of 1 tasks have to run, and no more than 1 "
        "may | write minimum_healthy_percent: 0 to stop the old one first, or maximum_percent: 200 to start the new "
        "one first"}},
      {"image: r:1, stop_timeout: 500",
       {"2:47 `services.web.stop_timeout` has to be a whole number from 2 to 120, found the number 500"}},
      {"image: r:1, environment: [A=b]",
       {"2:46 `services.web.environment` has to be a map, found a list | write NAME: value"}},
      {"image: r:1, environment: {A-B: c}",
       {"2:47 `A-B` in `services.web.environment` is no name of an environment variable: it may have only letters, "
        "digits and underscores, and has `-`"}},
      {"image: r:1, environment: {A: }",
       {"2:50 `services.web.environment.A` has to be a text, found nothing | write \"\" for an empty text"}},
      {"image: r:1, environment_from: a",
       {"2:51 `services.web.environment_from` has to be a reference to a variable, found the text `a` | write "
        "\"${var.NAME}\" with a variable of type map(string)"}},
      {"image: r:1, secrets: {A: plain}",
       {"2:46 `services.web.secrets.A` has to be exactly one reference to a secret | write \"${secrets.NAME}\" and "
        "declare NAME in the top-level `secrets:`, or \"${database.password}\""}},
      {"image: r:1, secrets: [A]",
       {"2:43 unknown secret `A`: the top-level `secrets:` has no such entry | declare it there"}},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(MistakesWith(std::string("services: {   web: {") + test.body + "}}"), test.mistakes) << test.body;
  }
}

TEST(Definition, ReportsNames) {
  EXPECT_EQ(MistakesWith("services: {Web: {image: r:1}}"),
            (Strings{"2:12 `Web` is no name for a service: it may have only lower-case letters, digits and hyphens, "
                     "and has `W`"}));
  EXPECT_EQ(MistakesWith("services: {database: {image: r:1}}"),
            (Strings{"2:12 a service cannot be called `database`: references of that name mean something else | use "
                     "another name"}));
  EXPECT_EQ(MistakesWith("services: {a: {image: r:1}}\ntasks: {a: {image: r:1}}"),
            (Strings{"3:9 `a` is already the name of a service | services and tasks share one set of names"}));
  EXPECT_EQ(MistakesWith(
                "services:\n  a: {image: r:1, port: 1, paths: [\"/*\"]}\n  b: {image: r:1, port: 1, paths: [\"/*\"]}"),
            (Strings{"4:36 two services cannot own `/*`: the service `a` has it already | remove one of the two"}));
  EXPECT_EQ(MistakesWith("tasks: {t: {image: r:1, when: before_update}}"),
            (Strings{"2:31 `tasks.t.when` is not valid: `before_update` is unknown | did you mean `before-update`?"}));
}

TEST(Definition, ReportsReferences) {
  struct Case {
    const char* value;
    const char* mistake;
  };
  const std::string head =
      "variables: {tag: {}, key: {sensitive: true}, map: {type: map(string), default: {}}}\n"
      "images: {app: {tag: \"1\"}}\nsecrets: {S: {generate: 20}}\n"
      "services:\n  redis: {image: r:1}\n  a:\n    image: app\n    environment:\n      A: ";
  for (const Case& test : {
           Case{"${var.tga}", "10:10 unknown variable: `tga` is not declared | did you mean `${var.tag}`?"},
           Case{"${var.other}",
                "10:10 unknown variable: `other` is not declared | declare it: variables: {other: {type: string}}"},
           Case{"x ${var.map} y",
                "10:12 `${var.map}` is a map: only a text, number or boolean can stand in a text | take one of its "
                "values: ${var.map.KEY}"},
           Case{"${var.tag.x}", "10:10 `tag` is a string: it has no `x` | write ${var.tag}"},
           Case{"${var.key}",
                "10:10 `key` is sensitive: it may be used only as the value of a secret | declare secrets: {NAME: "
                "{value: \"${var.key}\"}} and use ${secrets.NAME}"},
           Case{"${tag}", "10:10 unknown reference: `${tag}` | did you mean `${var.tag}`?"},
           Case{"${env.nmae}", "10:10 unknown reference: `${env.nmae}` | did you mean `${env.name}`?"},
           Case{"${evn.name}", "10:10 unknown reference: `${evn.name}` | did you mean `${env.name}`?"},
           Case{"${database.host}",
                "10:10 `${database.host}`: the definition has no database | add `database: {}` to the definition"},
           Case{"${bucket.name}",
                "10:10 `${bucket.name}`: the definition has no bucket | add `bucket: {}` to the definition"},
           Case{"${redis.address}",
                "10:10 the service `redis` has no address: it is not discoverable | add `discoverable: true` to the "
                "service `redis`"},
           Case{"${redis.port}", "10:10 the service `redis` has no port | add `port:` to the service `redis`"},
           Case{"${redis.prot}", "10:10 unknown reference: `${redis.prot}` | did you mean `${redis.port}`?"},
           Case{"${image.ap}", "10:10 unknown reference: `${image.ap}` | did you mean `${image.app}`?"},
           Case{"${secrets.S}",
                "10:10 `${secrets.S}` may be used only in `secrets:` of a service or task | move this line from "
                "`environment:` to `secrets:`"},
           Case{"${var.tag", "10:10 this reference has no end: missing `}` | write $${ for the characters ${"},
           Case{"${a + b}",
                "10:10 `${a + b}` is not a reference: only names joined by dots can stand here | write $${ for the "
                "characters ${"},
           Case{"${}",
                "10:10 `${}` is not a reference: only names joined by dots can stand here | write $${ for the "
                "characters ${"},
           Case{"\"\\t${var.tag} ${env.x}\"",
                "10:24 unknown reference: `${env.x}` | use one of: ${env.name}, ${env.host}, ${env.url}"},
           Case{"|\n        some ${env.name}\n        ${env.x}",
                "12:9 unknown reference: `${env.x}` | use one of: ${env.name}, ${env.host}, ${env.url}"},
       }) {
    EXPECT_EQ(MistakesWith(head + test.value), Strings{test.mistake}) << test.value;
  }
  for (const char* fine :
       {"$${anything}", "a $ b", "${var.tag}-${env.name}", "${ var.tag }", "${image.app}", "${var.map.key}", "100$"}) {
    EXPECT_EQ(MistakesWith(head + fine), Strings{}) << fine;
  }
}

TEST(Definition, KeepsSecretsOutOfEnvironmentAndText) {
  EXPECT_EQ(MistakesWith("database: {}\nservices: {a: {image: r:1, environment: {P: \"${database.password}\"}}}"),
            (Strings{"3:46 `${database.password}` may be used only in `secrets:` | move this line from `environment:` "
                     "to `secrets:`"}));
  EXPECT_EQ(MistakesWith("services: {a: {image: r:1, secrets: {P: \"${env.name}\"}}}"),
            (Strings{"2:42 this is not a secret | put it in `environment:`; `secrets:` takes ${secrets.NAME} and "
                     "${database.password}"}));
  EXPECT_EQ(
      MistakesWith("secrets: {S: {generate: 20}}\nservices: {a: {image: r:1, environment: {S: x}, secrets: [S]}}"),
      (Strings{"3:59 `S` is set in `environment` and in `secrets` | remove one of the two"}));
  const Parsed plain = Parse("name: x\nsecrets: {S: {value: hunter2}}\nservices: {a: {image: r:1}}");
  EXPECT_EQ(plain.diagnostics.Render(),
            "error: adhoc.yaml:2:22: `secrets.S.value` holds a secret in plain text\n"
            "  hint: write {generate: 50}, or take it from a variable that is set outside of git\n");
  EXPECT_EQ(MistakesWith("secrets: {S: {generate: 20, value: x}}").size(), 1U);
  EXPECT_EQ(MistakesWith("secrets: {S: {}}").size(), 1U);
  EXPECT_EQ(MistakesWith("secrets: {S: {generate: 3}}"),
            (Strings{"2:25 `secrets.S.generate` has to be a whole number from 8 to 1024, found the number 3"}));
}

TEST(Definition, ReportsTargets) {
  struct Case {
    const char* target;
    Strings mistakes;
  };
  const Case cases[] = {
      {"x: {}",
       {"2:11 `targets.x` has no kind | add kind: aws or kind: local",
        "2:11 `targets.x` has no region | add region: us-east-1",
        "2:11 `targets.x` has no account | add account: with the 12 digits of the account, so that no other one is "
        "ever touched",
        "2:11 `targets.x` needs a domain of its own: `localhost` cannot be registered | add domain: dev.example.com"}},
      {"x: {kind: awss}", {"2:21 unknown kind of target: `awss` | did you mean `aws`?"}},
      {"local: {account: 1}", {"2:19 `targets.local.account` is for AWS targets only | remove it"}},
      {"local: {http_port: 0}",
       {"2:30 `targets.local.http_port` has to be a whole number from 1 to 65535, found the number 0"}},
      {"local: {htpp_port: 80}", {"2:19 unknown key `htpp_port` in `targets.local` | did you mean `http_port`?"}},
      {"local: {variables: {a: 1}}", {"2:31 unknown variable: `a` is not declared"}},
      {"local: {endpoint: here}",
       {"2:29 `targets.local.endpoint` is not valid: it is not a URL | for example http://127.0.0.1:4566"}},
      {"x: {kind: aws, region: mars, account: 12, domain: a.example.com, role: me, http_port: 1}",
       {"2:86 `targets.x.http_port` is for local targets only | remove it",
        "2:34 `targets.x.region` is not valid: `mars` is no region | for example us-east-1",
        "2:49 `targets.x.account` is not valid: an account's number has 12 digits | write it in quotes: "
        "\"111122223333\"",
        "2:82 `targets.x.role` is not valid: it is not an ARN of iam"}},
      {"local: {network: {cidr: 10.0.0.0/8, zones: 9, nat: some, ingress: []}}",
       {"2:35 `targets.local.network.cidr` is not valid: its prefix has to be from /16 to /24",
        "2:54 `targets.local.network.zones` has to be a whole number from 2 to 6, found the number 9",
        "2:62 `targets.local.network.nat` is not valid: `some` is unknown | use one of: single, per-zone, endpoints, "
        "none",
        "2:77 `targets.local.network.ingress` is empty: nobody could reach an environment | leave it out to let "
        "everybody in"}},
  };
  for (const Case& test : cases) {
    Strings mistakes = MistakesWith(std::string("targets: {") + test.target + "}");
    EXPECT_EQ(mistakes, test.mistakes) << test.target;
  }
}

TEST(Definition, ReportsImagesDatabaseAndBucket) {
  EXPECT_EQ(MistakesWith("images: {a: {build: .}}"), (Strings{"2:10 `images.a` has no tag | add tag: \"${var.…}\""}));
  EXPECT_EQ(MistakesWith("images: {a: {tag: \"a b\"}}"),
            (Strings{"2:19 `images.a.tag` is not valid: a tag may not have a space"}));
  EXPECT_EQ(MistakesWith("images: {a: {tag: \"1\", repository: A/b}}"),
            (Strings{"2:36 `images.a.repository` is not valid: each part starts with a lower-case letter or digit"}));
  EXPECT_EQ(MistakesWith("images: {a: {tag: \"1\", dockerfile: x}}"),
            (Strings{"2:24 unknown key `dockerfile` in `images.a` | did you mean `containerfile`?"}));
  EXPECT_EQ(MistakesWith("database: {version: new, class: t3, storage: 5}"),
            (Strings{"2:21 `database.version` is not valid: it is a PostgreSQL version such as 15 or 15.4",
                     "2:33 `database.class` is not valid: it starts with `db.` | for example db.t4g.micro",
                     "2:46 `database.storage` has to be a whole number from 20 to 65536, found the number 5"}));
  EXPECT_EQ(MistakesWith("database:\nbucket:"), Strings{});
  EXPECT_EQ(MistakesWith("bucket: {public: [/static/*]}"),
            (Strings{"2:19 `bucket.public[0]` is not valid: keys do not start with `/` | write static/*"}));
}

TEST(Definition, ChecksUsesOfVariablesByTypeBeforeAnyEnvironmentExists) {
  const std::string head =
      "variables: {n: {type: number}, s: {}, l: {type: list(string)}, m: {type: map(string)}, b: {type: bool}}\n";
  EXPECT_EQ(MistakesWith(head + "services: {a: {image: r:1, scale: \"${var.s}\", command: \"${var.n}\", "
                                "environment_from: \"${var.l}\", discoverable: \"${var.n}\"}}"),
            (Strings{"3:56 `services.a.command` has to be a list, and `${var.n}` is a number | declare the variable "
                     "`n` with type: list(string)",
                     "3:86 `services.a.environment_from` has to be a map, and `${var.l}` is a list | declare the "
                     "variable `l` with type: map(string)",
                     "3:35 `services.a.scale` has to be a whole number from 0 to 1000, and `${var.s}` is a text | "
                     "declare the variable `s` with type: number",
                     "3:112 `services.a.discoverable` has to be true or false, and `${var.n}` is a number | declare "
                     "the variable `n` with type: bool"}));
  // Rules over two values wait until both are known.
  EXPECT_EQ(MistakesWith(
                head + "services: {a: {image: r:1, scale: \"${var.n}\", cpu: \"${var.n}\", memory: 3072, "
                       "environment_from: [\"${var.m}\"], command: \"${var.l}\", "
                       "discoverable: \"${var.b}\", deployment: {minimum_healthy_percent: 50, maximum_percent: 100}}}"),
            Strings{});
}

TEST(Definition, AServiceIsScaledBetweenTwoNumbers) {
  const auto mistakes = [](const std::string& scale) {
    return MistakesWith("services: {a: {image: r:1, scale: " + scale + "}}");
  };
  EXPECT_EQ(mistakes("{min: 2, max: 4, cpu: 50}"), Strings{});
  EXPECT_EQ(mistakes("{max: 4}"), Strings{});
  EXPECT_EQ(mistakes("{min: 2}"), Strings{"2:28 `services.a.scale` needs `max`"});
  EXPECT_EQ(mistakes("{min: 3, max: 2}"),
            Strings{"2:28 `services.a.scale` goes from 3 to 2 | `min` is the smaller number"});
  EXPECT_EQ(mistakes("{max: 2, cpu: 5}"),
            Strings{"2:49 `services.a.scale.cpu` has to be a whole number from 10 to 100, found the number 5"});
  EXPECT_EQ(mistakes("{max: 2, memory: 5}"),
            Strings{"2:44 unknown key `memory` in `services.a.scale` | use one of: min, max, cpu"});
}

TEST(Definition, IsLoadedFromAFile) {
  const testing::TemporaryFolder temporary;
  const auto& folder = temporary.path();
  std::filesystem::create_directories(folder / "deep" / "er");
  const std::string path = folder / "adhoc.yaml";
  EXPECT_THROW(LoadDefinition(path), Error);
  std::ofstream(path) << "name: x\nservices: {a: {image: r:1}}\n";
  EXPECT_EQ(LoadDefinition(path).directory, folder.string());
  // What is found can be opened from where the program runs, not from where the search began.
  EXPECT_TRUE(std::filesystem::equivalent(FindDefinition(folder / "deep" / "er"), path));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "deep" / "er");
  EXPECT_EQ(FindDefinition("."), "../../adhoc.yaml");
  EXPECT_EQ(FindDefinition(folder), "../../adhoc.yaml");
  std::filesystem::current_path(before);
  std::ofstream(path) << "nam: x\n";
  EXPECT_THROW(LoadDefinition(path), DiagnosticsError);
}

}  // namespace
}  // namespace adhoc::config
