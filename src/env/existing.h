// What a target names under `existing:`, instead of having it made: where its names come from, and whether it is fit.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "aws/client/client.h"
#include "config/config.h"
#include "env/context.h"

namespace adhoc::env {

// Puts the outputs of the target's Terraform state (version 4, as Terraform and OpenTofu write it) in place of every
// `${state.<output>}`: a text, or for subnets a list of texts. `read` gets the place of the state and returns its text,
// or throws. Throws Error when an output is not there, with those that are, or is something else. Pure but for `read`.
void ResolveState(config::Config& config, const std::function<std::string(const std::string& place)>& read);
// Whether the place of a state is an object, not a file.
inline bool IsInS3(std::string_view place) { return place.starts_with("s3://"); }
// Reads s3://bucket/key with the client (without one, throws Error), and files relative to the definition.
std::string ReadState(aws::Client* client, const config::Config& config, const std::string& place);

// Throws Error for the first thing that does not exist or does not fit the rest: another VPC, no listener for
// environments' rules, one zone only, another engine; a certificate for other names, subnets that lead nowhere. Warns
// of what this run cannot tell. For the shared resources.
void RequireExisting(Context& context);
// The same of what can change under an environment: certificates, routes, whom the security group of tasks lets in, and
// images that tasks cannot reach.
// Refuses only what cannot work. One or two calls, and none where nothing exists.
void RequireExistingServes(Context& context);

// Throws Error unless a security group of an existing database lets tasks in, with the command that makes it so.
void RequireWayToDatabase(Context& context);
// Throws Error when the rule that lets tasks in stands in the way of deleting their security group. For both, the
// resources have to be read; without a group of tasks there is nothing to check.
void RequireNoWayToDatabase(Context& context);

// As AWS describes them; null or an empty list when they do not exist. One call each for all who ask.
Json DescribeExistingVpc(Context& context);
Json DescribeExistingSubnets(Context& context, bool is_public);
Json DescribeExistingSecurityGroup(Context& context);
Json DescribeExistingLoadBalancer(Context& context);
Json DescribeExistingDatabase(Context& context);
// Empty when there is none.
std::string MasterSecretOf(const config::Existing& existing, const Json& database);

}  // namespace adhoc::env
