// What every part of the local cloud shares: its settings, its documents, time, randomness and the container engine.
// Made once by the server (or a test) and outliving everything that refers to it.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "localcloud/iam/mode.h"
#include "localcloud/store/log_store.h"
#include "localcloud/store/metric_store.h"
#include "localcloud/store/store.h"
#include "localcloud/timing.h"

namespace adhoc::localcloud {

class ContainerRuntime;

struct Settings {
  std::string account = "000000000000";
  std::string region = "us-east-1";
  std::filesystem::path state_dir;
  int port = 4566;
  int dns_port = 0;  // where names are answered, on loopback and on the networks' gateways
  // CreateListener refuses a port that another program of the machine listens on. Off without containers.
  bool check_listener_ports = true;
  // Eight hex digits from the state directory: the label `adhoc.instance` on every container and network, and part of
  // their names, so that several local clouds share one engine.
  std::string instance;
  // Images of the data plane; a team with a registry puts the official ones here.
  std::string postgres_image = "localhost/adhoc/postgres:15";
  std::string haproxy_image = "localhost/adhoc/haproxy:2.6";
  std::string pause_image = "localhost/adhoc/pause:1";
  // What EC2 instances run, whatever machine image they were made from: Debian with PostgreSQL's client.
  std::string machine_image = "localhost/adhoc/postgres:15";
  Timing timing;
  Iam iam = Iam::kOff;
};

struct Cloud {
  Settings settings;
  Store& store;
  LogStore& logs;
  MetricStore& metrics;
  Clock& clock;
  Random& random;
  ContainerRuntime& runtime;

  double Now() const { return ToSeconds(clock.Now()); }
  // When something slow that begins now will be over.
  double DueAt(Slow what, double at_once = 0) const { return Now() + settings.timing.Seconds(what, at_once); }
  // arn:aws:ecs:us-east-1:000000000000:cluster/alpha-cluster
  std::string Arn(std::string_view service, std::string_view resource) const;
  std::string GlobalArn(std::string_view service, std::string_view resource) const;  // no region (iam, s3 has neither)
};

}  // namespace adhoc::localcloud
