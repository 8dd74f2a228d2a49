// Amazon ECR. Repositories are documents; the images are the container engine's own, named as the registry would name
// them: <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>. The engine is asked before the transaction. Images
// get there by being built under that name, or by a push (ecr_registry.h).
#include <algorithm>
#include <set>

#include "localcloud/api/ecr_registry.h"
#include "localcloud/api/support.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kRepositories = "ecr.repositories";
constexpr const char* kManifestType = "application/vnd.docker.distribution.manifest.v2+json";

struct Image {
  std::string id;  // of its configuration
  std::string digest;
  std::vector<std::string> tags;
  std::int64_t size = 0;
  double pushed_at = 0;
  std::string manifest;  // empty for one that was built here and never pushed
  std::string manifest_type = kManifestType;
};

std::vector<Image> ImagesOf(Cloud& cloud, const std::string& repository) {
  const std::string prefix = RepositoryUri(cloud, repository) + ":";
  std::vector<Image> images;
  const auto in_engine = cloud.runtime.ListImages({RepositoryUri(cloud, repository)});
  const auto txn = cloud.store.Begin();
  for (const auto& info : in_engine) {
    Image image{.id = info.id,
                .digest = info.digest(),
                .tags = {},
                .size = info.size_bytes,
                .pushed_at = ToSeconds(info.created_at),
                .manifest = {}};
    for (const auto& reference : info.references) {
      if (!StartsWith(reference, prefix)) continue;
      image.tags.push_back(reference.substr(prefix.size()));
      // The engine makes a manifest of its own from what was pushed.
      const auto pushed = FindPushedImage(*txn, repository, image.tags.back());
      if (!pushed || pushed->config != info.id) continue;
      image.digest = pushed->digest;
      image.manifest = pushed->manifest;
      image.manifest_type = pushed->media_type;
    }
    if (!image.tags.empty()) images.push_back(std::move(image));
  }
  std::sort(images.begin(), images.end(), [](const Image& a, const Image& b) { return a.digest < b.digest; });
  return images;
}

// What the operations on images take with them into the transaction.
struct Prepared {
  std::vector<Image> images;
  std::set<std::string> removed;  // tags
  std::string error;
};

const Prepared& PreparedOf(const Call& call) { return std::any_cast<const Prepared&>(call.prepared); }

ApiError RepositoryNotFound(const Cloud& cloud, const std::string& name) {
  return {"RepositoryNotFoundException", "The repository with name '" + name +
                                             "' does not exist in the registry with id '" + cloud.settings.account +
                                             "'"};
}

Json NewRepository(Cloud& cloud, const Json& input) {
  const std::string name = Text(input, "repositoryName");
  Json repository{
      {"repositoryName", name},
      {"repositoryArn", cloud.Arn("ecr", "repository/" + name)},
      {"registryId", cloud.settings.account},
      {"repositoryUri", RepositoryUri(cloud, name)},
      {"createdAt", cloud.Now()},
      {"imageTagMutability", Text(input, "imageTagMutability", "MUTABLE")},
      {"imageScanningConfiguration", {{"scanOnPush", Flag(Fields(input, "imageScanningConfiguration"), "scanOnPush")}}},
      {"encryptionConfiguration", {{"encryptionType", "AES256"}}},
      {"_tags", Items(input, "tags")}};
  if (input.contains("encryptionConfiguration"))
    repository["encryptionConfiguration"] = input["encryptionConfiguration"];
  return repository;
}

Json& Edit(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "repositoryName");
  if (call.txn.Find(kRepositories, name) == nullptr) {
    // An image that was built under the repository's name has made it, as a push to a registry with creation templates
    // does.
    const auto* prepared = std::any_cast<Prepared>(&call.prepared);
    if (prepared == nullptr || prepared->images.empty()) throw RepositoryNotFound(cloud, name);
    call.txn.Put(kRepositories, name, NewRepository(cloud, call.input));
  }
  return call.txn.Edit(kRepositories, name);
}

Json CreateRepository(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "repositoryName");
  if (call.txn.Find(kRepositories, name) != nullptr) {
    throw ApiError("RepositoryAlreadyExistsException", "The repository with name '" + name +
                                                           "' already exists in the registry with id '" +
                                                           cloud.settings.account + "'");
  }
  Json repository = NewRepository(cloud, call.input);
  call.txn.Put(kRepositories, name, repository);
  return {{"repository", std::move(repository)}};
}

Json DescribeRepositories(Cloud& cloud, Call& call) {
  const auto names = Strings(call.input, "repositoryNames");
  KeyedItems items;
  for (const auto& name : names) {
    if (call.txn.Find(kRepositories, name) == nullptr) throw RepositoryNotFound(cloud, name);
  }
  for (const auto& [name, repository] : call.txn.All(kRepositories)) {
    if (names.empty() || std::find(names.begin(), names.end(), name) != names.end())
      items.emplace_back(name, repository);
  }
  Page page = TakePage(std::move(items), Number(call.input, "maxResults", 100), Text(call.input, "nextToken"),
                       "InvalidParameterException");
  Json output{{"repositories", std::move(page.items)}};
  if (!page.next.empty()) output["nextToken"] = page.next;
  return output;
}

Json DeleteRepository(Cloud& cloud, Call& call) {
  const Json repository = Edit(cloud, call);
  const Prepared& prepared = PreparedOf(call);
  if (!prepared.error.empty()) throw ApiError("ServerException", prepared.error, Json::object(), 500);
  if (!Flag(call.input, "force") && !prepared.images.empty()) {
    throw ApiError("RepositoryNotEmptyException", "The repository with name '" + Text(call.input, "repositoryName") +
                                                      "' in registry with id '" + cloud.settings.account +
                                                      "' cannot be deleted because it still contains images");
  }
  call.txn.Erase(kRepositories, Text(call.input, "repositoryName"));
  return {{"repository", repository}};
}

// ---- Images

const Image* FindImage(const std::vector<Image>& images, const Json& id) {
  const std::string digest = Text(id, "imageDigest");
  const std::string tag = Text(id, "imageTag");
  for (const auto& image : images) {
    const bool has_tag = std::find(image.tags.begin(), image.tags.end(), tag) != image.tags.end();
    if ((digest.empty() || image.digest == digest) && (tag.empty() || has_tag) && !(digest.empty() && tag.empty()))
      return &image;
  }
  return nullptr;
}

std::string IdText(const Json& id) {
  return "{imageDigest:'" + Text(id, "imageDigest", "null") + "', imageTag:'" + Text(id, "imageTag", "null") + "'}";
}

Json DescribeImages(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "repositoryName");
  Edit(cloud, call);
  const auto& images = PreparedOf(call).images;
  const Json& ids = Items(call.input, "imageIds");
  std::set<const Image*> wanted;
  for (const auto& id : ids) {
    const Image* image = FindImage(images, id);
    if (image == nullptr) {
      throw ApiError("ImageNotFoundException", "The image with imageId " + IdText(id) +
                                                   " does not exist within the repository with name '" + name +
                                                   "' in the registry with id '" + cloud.settings.account + "'");
    }
    wanted.insert(image);
  }
  KeyedItems items;
  for (const auto& image : images) {
    if (!ids.empty() && !wanted.contains(&image)) continue;
    if (Text(Fields(call.input, "filter"), "tagStatus") == "UNTAGGED") continue;
    items.emplace_back(image.digest, Json{{"registryId", cloud.settings.account},
                                          {"repositoryName", name},
                                          {"imageDigest", image.digest},
                                          {"imageTags", image.tags},
                                          {"imageSizeInBytes", image.size},
                                          {"imagePushedAt", image.pushed_at},
                                          {"imageManifestMediaType", image.manifest_type},
                                          {"artifactMediaType", "application/vnd.docker.container.image.v1+json"}});
  }
  Page page = TakePage(std::move(items), Number(call.input, "maxResults", 100), Text(call.input, "nextToken"),
                       "InvalidParameterException");
  Json output{{"imageDetails", std::move(page.items)}};
  if (!page.next.empty()) output["nextToken"] = page.next;
  return output;
}

Json ListImages(Cloud& cloud, Call& call) {
  Edit(cloud, call);
  KeyedItems items;
  if (Text(Fields(call.input, "filter"), "tagStatus") != "UNTAGGED") {
    for (const auto& image : PreparedOf(call).images) {
      for (const auto& tag : image.tags)
        items.emplace_back(tag, Json{{"imageDigest", image.digest}, {"imageTag", tag}});
    }
  }
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Page page = TakePage(std::move(items), Number(call.input, "maxResults", 100), Text(call.input, "nextToken"),
                       "InvalidParameterException");
  Json output{{"imageIds", std::move(page.items)}};
  if (!page.next.empty()) output["nextToken"] = page.next;
  return output;
}

// For an image that was never pushed not the manifest that a registry would have (the engine doesn't keep it), but one
// that PutImage understands: it names the configuration, which is the image's id.
std::string ManifestOf(const Image& image) {
  if (!image.manifest.empty()) return image.manifest;
  return Json{
      {"schemaVersion", 2},
      {"mediaType", kManifestType},
      {"config", {{"mediaType", "application/vnd.docker.container.image.v1+json"}, {"digest", image.id}, {"size", 0}}},
      {"layers", Json::array()}}
      .dump();
}

Json Failure(const Json& id) {
  return {{"imageId", id}, {"failureCode", "ImageNotFound"}, {"failureReason", "Requested image not found"}};
}

Json BatchGetImage(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "repositoryName");
  Edit(cloud, call);
  Json images = Json::array();
  Json failures = Json::array();
  for (const auto& id : Items(call.input, "imageIds")) {
    const Image* image = FindImage(PreparedOf(call).images, id);
    if (image == nullptr) {
      failures.push_back(Failure(id));
      continue;
    }
    Json full_id = id;
    full_id["imageDigest"] = image->digest;
    images.push_back({{"registryId", cloud.settings.account},
                      {"repositoryName", name},
                      {"imageId", full_id},
                      {"imageManifest", ManifestOf(*image)},
                      {"imageManifestMediaType", image->manifest_type}});
  }
  return {{"images", std::move(images)}, {"failures", std::move(failures)}};
}

Json BatchDeleteImage(Cloud& cloud, Call& call) {
  Edit(cloud, call);
  const Prepared& prepared = PreparedOf(call);
  if (!prepared.error.empty()) throw ApiError("ServerException", prepared.error, Json::object(), 500);
  Json deleted = Json::array();
  Json failures = Json::array();
  for (const auto& id : Items(call.input, "imageIds")) {
    const Image* image = FindImage(prepared.images, id);
    if (image == nullptr) {
      failures.push_back(Failure(id));
      continue;
    }
    for (const auto& tag : image->tags) {
      if (prepared.removed.contains(tag) && (!id.contains("imageTag") || Text(id, "imageTag") == tag)) {
        deleted.push_back({{"imageDigest", image->digest}, {"imageTag", tag}});
      }
    }
  }
  return {{"imageIds", std::move(deleted)}, {"failures", std::move(failures)}};
}

Json PutImage(Cloud& cloud, Call& call) {
  const Json& repository = Edit(cloud, call);
  const Prepared& prepared = PreparedOf(call);
  if (!prepared.error.empty()) throw ApiError("ImageAlreadyExistsException", prepared.error);
  const Image* image = FindImage(prepared.images, {{"imageTag", Text(call.input, "imageTag")}});
  if (image == nullptr)
    throw ApiError("LayersNotFoundException", "The image's configuration is not known to the container engine.");
  return {{"image",
           {{"registryId", cloud.settings.account},
            {"repositoryName", repository["repositoryName"]},
            {"imageId", {{"imageDigest", image->digest}, {"imageTag", Text(call.input, "imageTag")}}},
            {"imageManifest", Text(call.input, "imageManifest")},
            {"imageManifestMediaType", kManifestType}}}};
}

// ---- Policies and settings

Json WithText(const Cloud& cloud, const Call& call, const char* member, const Json& text) {
  return {
      {"registryId", cloud.settings.account}, {"repositoryName", Text(call.input, "repositoryName")}, {member, text}};
}

Json SetText(Cloud& cloud, Call& call, const char* member) {
  Json& repository = Edit(cloud, call);
  repository[std::string("_") + member] = Text(call.input, member);
  return WithText(cloud, call, member, Text(call.input, member));
}

Json GetText(Cloud& cloud, Call& call, const char* member, const char* not_found, bool erase) {
  Json& repository = Edit(cloud, call);
  const std::string key = std::string("_") + member;
  if (!repository.contains(key)) {
    throw ApiError(not_found, std::string(StartsWith(not_found, "Lifecycle") ? "Lifecycle" : "Repository") +
                                  " policy does not exist for the repository with name '" +
                                  Text(call.input, "repositoryName") + "' in the registry with id '" +
                                  cloud.settings.account + "'");
  }
  Json output = WithText(cloud, call, member, repository[key]);
  if (erase) repository.erase(key);
  return output;
}

Json SetRepositoryPolicy(Cloud& cloud, Call& call) { return SetText(cloud, call, "policyText"); }
Json GetRepositoryPolicy(Cloud& cloud, Call& call) {
  return GetText(cloud, call, "policyText", "RepositoryPolicyNotFoundException", false);
}
Json DeleteRepositoryPolicy(Cloud& cloud, Call& call) {
  return GetText(cloud, call, "policyText", "RepositoryPolicyNotFoundException", true);
}
Json PutLifecyclePolicy(Cloud& cloud, Call& call) { return SetText(cloud, call, "lifecyclePolicyText"); }
Json GetLifecyclePolicy(Cloud& cloud, Call& call) {
  return GetText(cloud, call, "lifecyclePolicyText", "LifecyclePolicyNotFoundException", false);
}
Json DeleteLifecyclePolicy(Cloud& cloud, Call& call) {
  return GetText(cloud, call, "lifecyclePolicyText", "LifecyclePolicyNotFoundException", true);
}

Json PutScanning(Cloud& cloud, Call& call) {
  Edit(cloud, call)["imageScanningConfiguration"] = call.input["imageScanningConfiguration"];
  return WithText(cloud, call, "imageScanningConfiguration", call.input["imageScanningConfiguration"]);
}

Json PutMutability(Cloud& cloud, Call& call) {
  Edit(cloud, call)["imageTagMutability"] = call.input["imageTagMutability"];
  return WithText(cloud, call, "imageTagMutability", call.input["imageTagMutability"]);
}

Json& TagsOf(Cloud& cloud, Call& call) {
  const std::string arn = Text(call.input, "resourceArn");
  const std::string prefix = cloud.Arn("ecr", "repository/");
  const std::string name = StartsWith(arn, prefix) ? arn.substr(prefix.size()) : arn;
  if (call.txn.Find(kRepositories, name) == nullptr) throw RepositoryNotFound(cloud, name);
  return call.txn.Edit(kRepositories, name)["_tags"];
}

Json TagResource(Cloud& cloud, Call& call) {
  MergeTags(TagsOf(cloud, call), Items(call.input, "tags"));
  return Json::object();
}

Json UntagResource(Cloud& cloud, Call& call) {
  RemoveTags(TagsOf(cloud, call), Items(call.input, "tagKeys"));
  return Json::object();
}

Json ListTags(Cloud& cloud, Call& call) { return {{"tags", TagsOf(cloud, call)}}; }

// The address is the one that the client has reached us at: what it says there is pushed there.
Json GetAuthorizationToken(Cloud& cloud, Call& call) {
  const double expires = cloud.Now() + 12 * 3600;
  return {{"authorizationData",
           Json::array({{{"authorizationToken", Base64Encode("AWS:" + GiveRegistryPassword(cloud, call, expires))},
                         {"expiresAt", expires},
                         {"proxyEndpoint", "http://" + call.http.headers.GetOr("Host", "127.0.0.1")}}})}};
}

std::any ListStep(Cloud& cloud, const Json& input) {
  const std::string repository = Text(input, "repositoryName");
  Prepared prepared{.images = ImagesOf(cloud, repository), .removed = {}, .error = ""};
  // Without a container engine there is every image that is asked for, and none of them is listed.
  for (const auto& id : Items(input, "imageIds")) {
    const std::string tag = Text(id, "imageTag");
    if (tag.empty() || FindImage(prepared.images, id) != nullptr) continue;
    if (const auto there = cloud.runtime.FindImage(RepositoryUri(cloud, repository) + ":" + tag)) {
      prepared.images.push_back({.id = there->id, .digest = there->digest(), .tags = {tag}, .manifest = {}});
    }
  }
  return prepared;
}

void RemoveTag(Cloud& cloud, const std::string& repository, const std::string& tag, Prepared& prepared) {
  try {
    cloud.runtime.RemoveImage(RepositoryUri(cloud, repository) + ":" + tag);
    ForgetPushedTag(cloud, repository, tag);
    prepared.removed.insert(tag);
  } catch (const RuntimeError& error) {
    prepared.error = "cannot remove " + repository + ":" + tag + ": " + error.what();
  }
}

std::any DeleteRepositoryStep(Cloud& cloud, const Json& input) {
  const std::string repository = Text(input, "repositoryName");
  Prepared prepared{.images = ImagesOf(cloud, repository), .removed = {}, .error = ""};
  if (Flag(input, "force")) {
    for (const auto& image : prepared.images) {
      for (const auto& tag : image.tags) RemoveTag(cloud, repository, tag, prepared);
    }
  }
  return prepared;
}

// A tag names itself, a digest all its tags.
std::any DeleteImagesStep(Cloud& cloud, const Json& input) {
  const std::string repository = Text(input, "repositoryName");
  Prepared prepared{.images = ImagesOf(cloud, repository), .removed = {}, .error = ""};
  for (const auto& id : Items(input, "imageIds")) {
    const Image* image = FindImage(prepared.images, id);
    if (image == nullptr) continue;
    for (const auto& tag : image->tags) {
      if (!id.contains("imageTag") || Text(id, "imageTag") == tag) RemoveTag(cloud, repository, tag, prepared);
    }
  }
  return prepared;
}

std::any PutImageStep(Cloud& cloud, const Json& input) {
  const std::string repository = Text(input, "repositoryName");
  const std::string target = RepositoryUri(cloud, repository) + ":" + Text(input, "imageTag");
  const Json manifest = Json::parse(Text(input, "imageManifest"), nullptr, false);
  Prepared prepared;
  if (manifest.is_object()) {
    const std::string id = Text(Fields(manifest, "config"), "digest");
    try {
      if (const auto there = cloud.runtime.FindImage(target); there && there->id == id) {
        prepared.error = "Image with digest '" + there->digest() + "' and tag '" + Text(input, "imageTag") +
                         "' already exists in the repository with name '" + repository + "' in registry with id '" +
                         cloud.settings.account + "'";
      } else {
        cloud.runtime.TagImage(id, target);
        TagPushedImage(cloud, repository, Text(input, "imageTag"), Text(input, "imageManifest"));
      }
    } catch (const RuntimeError& error) {
      if (error.kind() != RuntimeErrorKind::kImageNotFound) throw;
    }
  }
  prepared.images = ImagesOf(cloud, repository);
  return prepared;
}

}  // namespace

void RegisterEcr(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "ecr",
                   {{"BatchDeleteImage", BatchDeleteImage},
                    {"BatchGetImage", BatchGetImage},
                    {"CreateRepository", CreateRepository},
                    {"DeleteLifecyclePolicy", DeleteLifecyclePolicy, Effect::kRecorded},
                    {"DeleteRepository", DeleteRepository},
                    {"DeleteRepositoryPolicy", DeleteRepositoryPolicy, Effect::kRecorded},
                    {"DescribeImages", DescribeImages},
                    {"DescribeRepositories", DescribeRepositories},
                    {"GetAuthorizationToken", GetAuthorizationToken},
                    {"GetLifecyclePolicy", GetLifecyclePolicy},
                    {"GetRepositoryPolicy", GetRepositoryPolicy},
                    {"ListImages", ListImages},
                    {"ListTagsForResource", ListTags},
                    {"PutImage", PutImage},
                    {"PutImageScanningConfiguration", PutScanning, Effect::kRecorded},
                    {"PutImageTagMutability", PutMutability, Effect::kRecorded},
                    {"PutLifecyclePolicy", PutLifecyclePolicy, Effect::kRecorded},
                    {"SetRepositoryPolicy", SetRepositoryPolicy, Effect::kRecorded},
                    {"TagResource", TagResource},
                    {"UntagResource", UntagResource}});
  using Step = std::any (*)(Cloud&, const Json&);
  const std::pair<const char*, Step> steps[] = {
      {"BatchDeleteImage", DeleteImagesStep}, {"BatchGetImage", ListStep}, {"DeleteRepository", DeleteRepositoryStep},
      {"DescribeImages", ListStep},           {"ListImages", ListStep},    {"PutImage", PutImageStep}};
  for (const auto& [operation, step] : steps) {
    api.SetPrepare("ecr", operation,
                   [&cloud, step = step](const Json& input, const net::Request&) { return step(cloud, input); });
  }
}

}  // namespace adhoc::localcloud
