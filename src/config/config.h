// Everything that the engine needs to know of one environment on one target: the definition with this environment's
// variables put in, checked. No YAML, no HCL, no unset variable; references to resources remain in Templates.
// Plain values; thread-safe once made. docs/reference/definition.md describes the same words for the people who write
// them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "config/template.h"

namespace adhoc::config {

enum class TargetKind { kLocal, kAws };

// How tasks reach AWS's services and the rest of the world.
enum class NatKind {
  kNone,       // tasks run in the public subnets with public addresses
  kSingle,     // one NAT gateway for all zones
  kPerZone,    // one in each
  kEndpoints,  // none: VPC endpoints of AWS's services, and nothing else is reached
};
inline constexpr std::string_view kNatNames[] = {"none", "single", "per-zone", "endpoints"};  // as definitions have it

// The network of the shared resources.
struct Network {
  std::string cidr = "10.0.0.0/16";
  int zones = 2;
  NatKind nat = NatKind::kSingle;
  std::vector<std::string> ingress = {"0.0.0.0/0"};  // who may reach the load balancer

  bool operator==(const Network&) const = default;
};

// Subnets that the team made: their ids, or the tags that all of them have.
struct ExistingSubnets {
  std::vector<std::string> ids;
  std::map<std::string, std::string> tags;

  bool empty() const { return ids.empty() && tags.empty(); }
  bool operator==(const ExistingSubnets&) const = default;
};

// What the team has and the engine uses instead of making it: looked up, never changed or deleted. Empty where the
// engine makes it. A value may be `${state.<output>}` until env/existing.h has put in the state's.
struct Existing {
  std::string state;  // of Terraform: s3://bucket/key or a file's path
  std::string vpc;
  ExistingSubnets public_subnets;   // for the load balancer, and for tasks where there are no private ones
  ExistingSubnets private_subnets;  // for tasks and the database
  std::string security_group;       // of tasks
  std::string load_balancer;        // ARN
  std::string database;             // identifier of the instance
  std::string database_secret;      // ARN; empty: RDS manages the master password

  bool operator==(const Existing&) const = default;
};

// Where environments run.
struct Target {
  std::string name;
  TargetKind kind = TargetKind::kLocal;
  std::string shared;  // name of the shared resources, e.g. dev
  std::string domain;  // environments are at <name>.<domain>
  std::string region = "us-east-1";
  std::string account = "000000000000";  // 12 digits; on AWS the engine refuses any other account
  std::string profile;                   // AWS: of the shared configuration files, or empty
  std::string role;                      // AWS: ARN of a role to assume, or empty
  std::string endpoint;                  // local: of a local cloud that already runs elsewhere, or empty
  int http_port = 8080;                  // local: the load balancer's port on this machine; AWS: 80
  int https_port = 8443;                 // likewise; AWS: 443
  bool https = false;                    // AWS: always true
  std::string certificate;               // AWS: ARN; empty: the engine makes a wildcard certificate
  std::string hosted_zone;               // AWS: id of the domain's zone; empty: found by the domain's name
  std::string permissions_boundary;      // AWS: ARN of the policy that limits the roles of tasks, or empty
  bool makes_boundary = false;           // AWS: likewise, one that `adhoc bootstrap` makes
  bool spot = false;                     // run tasks on Fargate Spot unless they say otherwise
  bool bastion = false;                  // a host in the network, reached through Session Manager
  Network network;
  Existing existing;

  // Whether tasks run in public subnets, with public addresses; whether the database's subnets are public ones.
  bool tasks_are_public() const {
    return existing.vpc.empty() ? network.nat == NatKind::kNone : existing.private_subnets.empty();
  }
  bool database_is_public() const { return !existing.vpc.empty() && existing.private_subnets.empty(); }
  bool operator==(const Target&) const = default;
};

// An entry of `images:`: something that this project builds and versions.
struct Image {
  std::string name;
  std::string repository;     // in the target's registry
  std::string tag;            // as the variables say; empty where no tag is declared
  std::string tag_variable;   // the variable that alone makes the tag, else empty (says where to write a new one)
  std::string build;          // folder to build in, relative to the git checkout; empty: cannot be built here
  std::string containerfile;  // within `build`; empty: Containerfile, then Dockerfile
  std::string git;            // the git repository, relative to the definition; empty: the definition's own
  std::map<std::string, std::string> build_args;

  bool operator==(const Image&) const = default;
};

// What a service or task runs: an entry of `images:` or an image that others made.
struct ImageSource {
  std::string image;  // name of an entry of `images:`, or empty
  std::string uri;    // else: the full name, e.g. public.ecr.aws/docker/library/redis:7

  bool operator==(const ImageSource&) const = default;
};

struct HealthCheck {
  std::string path;  // asked by the load balancer; empty: `/`
  std::vector<std::string>
      command;                  // run in the container, as ECS takes it: {"CMD", …} or {"CMD-SHELL", "…"}; or empty
  int interval = 10;            // seconds between checks
  int timeout = 5;              // seconds; less than the interval
  int healthy_threshold = 2;    // checks in a row; load balancer only
  int unhealthy_threshold = 3;  // for the container check: retries
  std::string matcher = "200";  // status codes that pass: 200, 200,302 or 200-299
  int grace_period = 0;         // seconds after a task's start during which failures do not count

  bool operator==(const HealthCheck&) const = default;
};

struct DeploymentLimits {
  int minimum_healthy_percent = 100;
  int maximum_percent = 200;

  bool operator==(const DeploymentLimits&) const = default;
};

// What services and tasks have in common: one container in one Fargate task.
struct Workload {
  std::string name;
  ImageSource image;
  std::vector<Template> entrypoint;  // empty: the image's
  std::vector<Template> command;     // empty: the image's
  std::map<std::string, Template> environment;
  std::map<std::string, Reference> secrets;  // kDatabasePassword or kSecret
  int cpu = 256;                             // CPU units
  int memory = 512;                          // MiB; a pair that Fargate has
  std::string user;                          // empty: the image's
  std::string working_directory;             // empty: the image's
  int stop_timeout = 30;                     // seconds from SIGTERM to SIGKILL
  bool arm64 = false;                        // AWS: the processor; on one machine it is the machine's
  std::string platform_version = "LATEST";   // of Fargate, e.g. 1.4.0

  bool operator==(const Workload&) const = default;
};

// How many tasks of a service run is changed with what they use.
struct Autoscaling {
  int min = 1;
  int max = 1;
  int cpu = 70;  // percent of the tasks' CPU that is kept to

  bool operator==(const Autoscaling&) const = default;
};

struct Service : Workload {
  int port = 0;   // 0: none
  int scale = 1;  // desired count; with `autoscaling` the one it begins with
  std::optional<Autoscaling> autoscaling;
  std::vector<std::string> paths;  // path patterns of its listener rule; empty: not behind the load balancer
  bool discoverable = false;       // has a name in the shared namespace
  bool spot = false;
  HealthCheck healthcheck;
  DeploymentLimits deployment;
  int deregistration_delay = 10;  // seconds that an old target may finish its requests

  bool load_balanced() const { return !paths.empty(); }
  int most() const { return autoscaling ? autoscaling->max : scale; }  // tasks that may run, deploys apart
  bool operator==(const Service&) const = default;
};

struct Task : Workload {
  enum class When {
    kManual,        // only when somebody runs it
    kBeforeUpdate,  // also before services get a new image, in the order of the definition
  };
  When when = When::kManual;

  bool operator==(const Task&) const = default;
};

// Of the shared PostgreSQL, in which each environment has a database and a role of its own.
struct Database {
  std::string version = "15";
  std::string image;                            // local: that runs it; both: of the one-off task that has psql
  std::string instance_class = "db.t4g.micro";  // AWS
  int storage = 20;                             // GiB; AWS
  std::string seed;                             // SQL file, relative to the definition, that a new database starts from

  bool operator==(const Database&) const = default;
};

struct Bucket {
  std::vector<std::string> public_patterns;  // keys that anybody may read: static/*

  bool operator==(const Bucket&) const = default;
};

// An entry of the top-level `secrets:`.
struct Secret {
  std::string name;
  int generate = 0;   // length of a random value made once, or 0
  std::string value;  // else the value. Never in a plan, a record or a log

  bool operator==(const Secret&) const = default;
};

struct Config {
  std::string application;  // the definition's `name`
  std::string environment;
  Target target;
  std::string host;       // alpha.localhost
  std::string url;        // http://alpha.localhost:8080, https://alpha.dev.example.com; no trailing slash
  std::string directory;  // of the definition: what relative paths are relative to

  std::vector<Image> images;  // each in the order of the definition
  std::vector<Secret> secrets;
  std::vector<Service> services;
  std::vector<Task> tasks;
  std::optional<Database> database;
  std::optional<Bucket> bucket;

  // Every declared variable with its effective value, for the record; those in sensitive_variables are left out.
  std::map<std::string, Json> variables;
  std::vector<std::string> sensitive_variables;
  std::string variables_file;  // that was read; empty: none

  const Image* FindImage(std::string_view name) const;
  const Service* FindService(std::string_view name) const;
  const Task* FindTask(std::string_view name) const;
};

}  // namespace adhoc::config
