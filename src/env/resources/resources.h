// The kinds of resources, each in a file of its own. Ids, by which resources find each other's attributes in the
// Context, are `<kind> <name>`; what a resource publishes stands beside its factory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "env/resource.h"

namespace adhoc::env {

using ResourcePtr = std::unique_ptr<Resource>;

// --- network.cc and security_group.cc: Amazon VPC ---
ResourcePtr MakeVpc(const std::string& shared);              // "vpc dev-vpc": id
ResourcePtr MakeInternetGateway(const std::string& shared);  // "internet gateway dev-igw": id
struct SubnetSpec {
  std::string shared;
  bool is_public = false;
  int zone = 1;  // 1-based
};
std::string SubnetName(const SubnetSpec& spec);  // dev-private-1
// The target's subnets, its own or existing ones: ids of resources, and what AWS calls them.
std::vector<std::string> SubnetResources(const config::Target& target, bool is_public);
Json SubnetIds(const Context& context, bool is_public);
ResourcePtr MakeSubnet(const SubnetSpec& spec);                   // "subnet dev-private-1": id
ResourcePtr MakeAddress(const std::string& shared, int zone);     // "elastic ip dev-nat-1": id
ResourcePtr MakeNatGateway(const std::string& shared, int zone);  // "nat gateway dev-nat-1": id
// "route table dev-public": id. Routes to the internet gateway, or to the NAT gateway named (empty: none).
ResourcePtr MakeRouteTable(const std::string& shared, const std::string& suffix, const std::string& gateway_id,
                           std::vector<std::string> subnet_ids);
struct IngressRule {
  int from_port = 0;
  int to_port = 65535;
  std::string cidr;            // or
  std::string security_group;  // id of a resource; its own id: from itself
};
// "security group dev-ecs-sg": id
ResourcePtr MakeSecurityGroup(const std::string& shared, const std::string& suffix, const std::string& description,
                              std::vector<IngressRule> ingress);

// --- endpoints.cc: VPC endpoints of AWS's services, by the service's name: ecr.api ---
// "vpc endpoint dev-ecr-api": id
ResourcePtr MakeInterfaceEndpoint(const std::string& shared, const std::string& service,
                                  std::vector<std::string> subnets, const std::string& group);
ResourcePtr MakeGatewayEndpoint(const std::string& shared, const std::string& service, const std::string& table);

// --- existing.cc: what the team made and the target names, under the ids of what the engine would make ---
ResourcePtr MakeExistingVpc(const config::Target& target);                      // "vpc dev-vpc": id
ResourcePtr MakeExistingSubnets(const config::Target& target, bool is_public);  // "subnets dev-private": ids
ResourcePtr MakeExistingSecurityGroup(const config::Target& target);            // "security group dev-ecs-sg": id
ResourcePtr MakeExistingDatabase(const config::Target& target);  // "database instance dev-rds": as the engine's own
// The load balancer, its security group and the listener of environments' rules.
Resources ExistingLoadBalancer(const config::Target& target);

// --- bastion.cc: Amazon EC2, for people who want a host in the network. Environments do not need it. ---
ResourcePtr MakeInstanceProfile(const std::string& shared);  // "instance profile dev-bastion": name
ResourcePtr MakeBastion(const config::Target& target);       // "instance dev-bastion": id

// --- load_balancer.cc: Elastic Load Balancing, of shared resources ---
// "load balancer dev-alb": arn, dns_name, zone_id, scheme, subnets, security_groups. Those after the first are made
// like it, with listeners like its own.
ResourcePtr MakeLoadBalancer(const std::string& name);
// The same, to be deleted unless other environments' rules are on it by then.
ResourcePtr MakeUnusedLoadBalancer(const std::string& name);
enum class ListenerKind { kHttp, kHttps, kRedirect };
// "listener dev-alb-http" or "…-https": arn, actions, certificates, ssl_policy
ResourcePtr MakeListener(const std::string& balancer, ListenerKind kind);
// The listener that environments' rules are on.
std::string MainListenerId(const config::Target& target, const std::string& balancer);
// As AWS describes them. One read for all: the load balancers of the region, the listeners of one, the rules of the
// listener that environments' rules are on.
Json AllLoadBalancers(Context& context);
Json ListenersOf(Context& context, const std::string& balancer_arn);
Json RulesOf(Context& context, const std::string& balancer_arn);
Json RulesOfListener(Context& context, const std::string& arn);

// --- routing.cc: Elastic Load Balancing, of an environment ---
// "target group alpha-gunicorn": arn, described
ResourcePtr MakeTargetGroup(const std::string& env, const config::Service& service);
// "listener rule alpha-gunicorn": rules
ResourcePtr MakeListenerRule(const std::string& env, const config::Service& service, const std::string& balancer);
// As AWS describes it, or null. One read for all.
Json ReadTargetGroup(Context& context, const std::string& name);

// --- dns.cc: ACM, Route 53, Cloud Map ---
ResourcePtr MakeCertificate(const std::string& domain);  // "certificate *.example.com": arn
ResourcePtr MakeHostedZone(const std::string& domain);   // "hosted zone example.com": id
// "record alpha.example.com", of the load balancer
ResourcePtr MakeRecord(const std::string& host, const std::string& balancer);
ResourcePtr MakeNamespace(const std::string& shared);  // "namespace dev-sd-ns": id
ResourcePtr MakeDiscoveryService(const std::string& env,
                                 const std::string& service);  // "discovery service alpha-redis": arn, id

// --- database.cc: Amazon RDS and the environment's own database in it ---
ResourcePtr MakeDatabaseSubnetGroup(const std::string& shared);  // "database subnet group dev-rds"
ResourcePtr MakeDatabaseInstance(const std::string& shared);  // "database instance dev-rds": address, port, secret_arn
// Whether PostgreSQL answers in this DBInstanceStatus (Amazon RDS User Guide, "Viewing Amazon RDS DB instance status").
bool TakesConnections(const std::string& status);
ResourcePtr MakeDatabase(const std::string& env);  // "database alpha-db"
// No AWS call tells whether a database exists: this tag of the secret with its password does. It says kDatabaseBegun
// from the secret's beginning, and the database's name when that was made.
inline constexpr const char* kDatabaseTag = "adhoc:database";
inline constexpr const char* kDatabaseBegun = "begun";

// --- identity.cc: IAM and Secrets Manager ---
ResourcePtr MakeExecutionRole(const std::string& shared);  // "role dev-ecs-execution-role": arn
ResourcePtr MakeTaskRole(const std::string& env);          // "role alpha-task-role": arn
ResourcePtr MakeTaskBoundary(const std::string& shared);   // "policy dev-task-boundary"
ResourcePtr MakeBastionRole(const std::string& shared);    // "role dev-bastion-role": arn
// "role dev-deploy-role", "role dev-shared-role": arn. What the pipelines of a GitHub repository (owner/name) may do.
ResourcePtr MakeDeployRole(const std::string& shared, const std::string& repository);
ResourcePtr MakeSharedRole(const std::string& shared, const std::string& repository);
// "identity provider token.actions.githubusercontent.com": arn
ResourcePtr MakeIdentityProvider();
// "secret alpha/DJANGO_SECRET_KEY": arn. The secret called `database` holds the environment's database role.
ResourcePtr MakeSecret(const std::string& env, const config::Secret& secret);

// --- storage.cc: CloudWatch Logs and Amazon S3 ---
ResourcePtr MakeLogGroup(const std::string& env, const std::string& workload);  // "log group /ecs/alpha/gunicorn"
// The environment's, as CloudWatch Logs describes them. One read for all.
Json LogGroupsOf(Context& context, const std::string& env);
ResourcePtr MakeBucket(const std::string& name, const config::Bucket& bucket);  // "bucket localhost-alpha-bucket": url
// One that the definition no longer has. It is the environment's when its tags say so: names of buckets are the
// world's.
ResourcePtr MakeRemovedBucket(const std::string& name);

// --- bootstrap.cc: what is there before the first environment ---
// "bucket adhoc-records-123456789012-us-east-1": of records and locks
ResourcePtr MakeRecordsBucket(const std::string& account, const std::string& region);
// "image repository backend"
ResourcePtr MakeRepository(const std::string& name);

// --- compute.cc: Amazon ECS ---
ResourcePtr MakeCluster(const std::string& env);  // "cluster alpha-cluster": arn
// "task definition alpha-gunicorn": arn, image
ResourcePtr MakeTaskDefinition(const std::string& env, const config::Workload& workload, int port,
                               const config::HealthCheck& health_check, const std::string& image);
ResourcePtr MakeDatabaseTaskDefinition(const std::string& env, const std::string& image);
ResourcePtr MakeService(const std::string& env, const config::Service& service);  // "service alpha-gunicorn": arn
// "task alpha-migrate": runs when its own revision is new or one of `services` (names) will get another revision.
ResourcePtr MakeTaskRun(const std::string& env, const config::Task& task, std::vector<std::string> services);

// --- scaling.cc: Application Auto Scaling ---
// "autoscaling alpha-web": of a service whose `autoscaling` is set; else only to be deleted
ResourcePtr MakeAutoscaling(const std::string& env, const config::Service& service);
// Forgets the limits of an ECS service (alpha-web) and what scales it.
void StopScaling(Context& context, const std::string& env, const std::string& service);

// The ACTIVE services of the definition as ECS describes them, with tags; null when there is no cluster. One read for
// all.
Json ReadServices(Context& context);
// The one of this name; null when there is none.
Json ReadService(Context& context, const std::string& name);

// Things of an environment that are found in the cloud but not in the definition (any more): they can only be deleted.
ResourcePtr MakeForeignService(const std::string& env, const std::string& name);
ResourcePtr MakeForeignFamily(const std::string& env, const std::string& family);

}  // namespace adhoc::env
