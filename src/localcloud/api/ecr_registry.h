// ECR's other side: the registry that `docker push` and `podman push` speak to (OCI Distribution Specification 1.1,
// https://github.com/opencontainers/distribution-spec), below /v2/ of the same port.
//
// Blobs and manifests are kept as they came, in <state>/registry, so that what was pushed can be pulled. When a tag's
// manifest arrives, its image is loaded into the container engine under the name that task definitions use, before the
// push is answered: a push that succeeded can run. Thread-safe.
//
// A password that GetAuthorizationToken gave out stands for who asked for it, for twelve hours. Where IAM is enforced
// no other one is taken, and each request has to be allowed to that principal as the operation of ECR that it is:
// PutImage to put a manifest, InitiateLayerUpload to begin a layer. Elsewhere any password will do.
#pragma once

#include <optional>
#include <string>

#include "localcloud/api/api.h"
#include "localcloud/cloud.h"
#include "localcloud/iam/authorize.h"
#include "net/http_message.h"

namespace adhoc::localcloud {

// Nothing when the path is not the registry's. The server's threads wait while the engine loads an image.
// `watch` sees what requests need to be allowed, where IAM is enforced.
std::optional<net::Response> AnswerRegistry(Cloud& cloud, const net::Request& request, const iam::Watch& watch);

// A new password of the registry's user, AWS, for whoever makes this call.
std::string GiveRegistryPassword(Cloud& cloud, Call& call, double expires);

// How images of a repository are called, by ECR and by the engine:
// <account>.dkr.ecr.<region>.amazonaws.com/<repository>
std::string RepositoryUri(const Cloud& cloud, const std::string& repository);

struct PushedImage {
  std::string digest;      // of the manifest
  std::string config;      // the digest of the configuration: the engine's id of the image
  std::string manifest;    // as it came
  std::string media_type;  // the manifest's
};
// What was last pushed under this tag.
std::optional<PushedImage> FindPushedImage(const Store::Transaction& txn, const std::string& repository,
                                           const std::string& tag);
// Gives a pushed manifest one more tag; no effect for one that was never pushed.
void TagPushedImage(Cloud& cloud, const std::string& repository, const std::string& tag, const std::string& manifest);
// Forgets the tag, and removes the manifests and blobs that no other one needs.
void ForgetPushedTag(Cloud& cloud, const std::string& repository, const std::string& tag);

}  // namespace adhoc::localcloud
