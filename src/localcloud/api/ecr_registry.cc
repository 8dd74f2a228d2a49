#include "localcloud/api/ecr_registry.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/utsname.h>

#include <fstream>
#include <set>

#include "base/error.h"
#include "localcloud/api/support.h"
#include "localcloud/iam/needs.h"
#include "localcloud/iam/sessions.h"
#include "localcloud/objects/checksum.h"
#include "localcloud/runtime/runtime.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifests = "ecr.manifests";  // repository@digest → {body, mediaType, config}
constexpr std::string_view kTags = "ecr.pushed_tags";     // repository:tag → {repository, digest}
constexpr std::string_view kPasswords = "ecr.passwords";  // its digest → {session, expires}

// An answer of the specification's form; ECR's codes and words where they are known.
class RegistryError : public std::runtime_error {
 public:
  RegistryError(int status, std::string code, const std::string& message)
      : std::runtime_error(message), status_(status), code_(std::move(code)) {}
  net::Response Answer() const {
    const Json body = {{"errors", Json::array({{{"code", code_}, {"message", what()}}})}};
    net::Response response{.status = status_, .headers = {{"Content-Type", "application/json"}}};
    response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return response;
  }

 private:
  int status_;
  std::string code_;
};

// /v2/<repository>/blobs/<digest>, …/blobs/uploads/[<id>], …/manifests/<tag or digest>, …/tags/list
struct Route {
  std::string repository;
  std::string kind;  // blobs, uploads, manifests, tags
  std::string reference;
};

std::optional<Route> Parse(std::string_view path) {
  const std::string rest = net::PercentDecode(path.substr(std::string_view("/v2/").size()));
  for (const auto& [marker, kind] :
       {std::pair{"/blobs/uploads/", "uploads"}, std::pair{"/blobs/uploads", "uploads"}, std::pair{"/blobs/", "blobs"},
        std::pair{"/manifests/", "manifests"}, std::pair{"/tags/list", "tags"}}) {
    const auto at = rest.rfind(marker);
    if (at == std::string::npos || at == 0) continue;
    Route route{
        .repository = rest.substr(0, at), .kind = kind, .reference = rest.substr(at + std::string(marker).size())};
    if (route.reference.find('/') == std::string::npos) return route;
  }
  return std::nullopt;
}

bool IsDigest(std::string_view text) {
  constexpr std::string_view kAlgorithm = "sha256:";
  return StartsWith(text, kAlgorithm) && text.size() == kAlgorithm.size() + 64 &&
         text.substr(kAlgorithm.size()).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void RequireDigest(const std::string& text) {
  if (!IsDigest(text)) throw RegistryError(400, "DIGEST_INVALID", fmt::format("'{}' is not a sha256 digest", text));
}

std::string DigestOf(std::string_view text) {
  const auto sum = MakeChecksum(ChecksumAlgorithm::kSha256);
  sum->Add(text);
  return "sha256:" + HexEncode(sum->Finish());
}

std::string DigestOfFile(const fs::path& path) {
  const auto sum = MakeChecksum(ChecksumAlgorithm::kSha256);
  std::ifstream file(path, std::ios::binary);
  std::string piece(1 << 16, '\0');
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0) {
    sum->Add(std::string_view(piece).substr(0, static_cast<std::size_t>(file.gcount())));
  }
  return "sha256:" + HexEncode(sum->Finish());
}

// What a request needs to be allowed, by the names of ECR's operations.
std::vector<const char*> ActionsOf(const Route& route, const net::Request& request) {
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (route.kind == "blobs") {
    return {request.method == "HEAD" ? "ecr:BatchCheckLayerAvailability" : "ecr:GetDownloadUrlForLayer"};
  }
  if (route.kind == "manifests") return {reading ? "ecr:BatchGetImage" : "ecr:PutImage"};
  if (route.kind == "tags") return {"ecr:ListImages"};
  std::vector<const char*> actions;
  const bool begins = request.method == "POST";
  const bool ends = request.method == "PUT" || (begins && request.query().find("digest=") != std::string_view::npos);
  const bool has_body = !request.body.empty() || !request.body_file.empty();
  if (begins) actions.push_back("ecr:InitiateLayerUpload");
  if (has_body || !(begins || ends)) actions.push_back("ecr:UploadLayerPart");
  if (ends) actions.push_back("ecr:CompleteLayerUpload");
  return actions;
}

std::string ManifestKey(const std::string& repository, const std::string& digest) { return repository + "@" + digest; }

// The digests that a manifest refers to: its configuration and layers, or the manifests of an index.
std::vector<std::string> ReferencesOf(const Json& manifest) {
  std::vector<std::string> digests;
  if (manifest.contains("config")) digests.push_back(Text(manifest["config"], "digest"));
  for (const char* list : {"layers", "manifests"}) {
    for (const Json& one : Items(manifest, list)) digests.push_back(Text(one, "digest"));
  }
  return digests;
}

// As images call this machine's processor.
std::string Architecture() {
  utsname name{};
  uname(&name);
  const std::string machine = name.machine;
  return machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
}

std::string TagKey(const std::string& repository, const std::string& tag) { return repository + ":" + tag; }

void PutTag(Store::Transaction& txn, const std::string& repository, const std::string& tag, const std::string& digest) {
  txn.Put(kTags, TagKey(repository, tag), {{"repository", repository}, {"digest", digest}});
}

class Registry {
 public:
  explicit Registry(Cloud& cloud, iam::Watch watch = {})
      : cloud_(cloud), watch_(std::move(watch)), directory_(cloud.settings.state_dir / "registry") {}

  net::Response Answer(const net::Request& request) {
    CheckAuthorization(request);
    net::Response response = Dispatch(request);
    response.headers.Set("Docker-Distribution-Api-Version", "registry/2.0");
    return response;
  }

  // Of everything that `forgotten` refers to, what no tag does.
  void RemoveUnused(const std::set<std::string>& forgotten) {
    std::set<std::string> used;
    {
      const auto txn = cloud_.store.Begin();
      for (const auto& [key, tag] : txn->All(kTags)) Reach(*txn, Text(tag, "repository"), Text(tag, "digest"), used);
      for (const auto& key : forgotten) {
        if (!used.contains(key)) txn->Erase(kManifests, key);
      }
      txn->Commit();
    }
    for (const auto& key : forgotten) {
      std::error_code ignored;
      if (IsDigest(key) && !used.contains(key)) fs::remove(BlobPath(key), ignored);
    }
  }

  // The keys of the manifest and of those below it, and the digests of their blobs.
  static void Reach(const Store::Transaction& txn, const std::string& repository, const std::string& digest,
                    std::set<std::string>& reached) {
    const std::string key = ManifestKey(repository, digest);
    const Json* found = txn.Find(kManifests, key);
    if (found == nullptr || !reached.insert(key).second) return;
    for (const auto& reference : ReferencesOf(Json::parse(Text(*found, "body")))) {
      reached.insert(reference);
      Reach(txn, repository, reference, reached);
    }
  }

 private:
  void CheckAuthorization(const net::Request& request) {
    const std::string given = request.headers.GetOr("Authorization", "");
    constexpr std::string_view kBasic = "Basic ";
    constexpr std::string_view kUser = "AWS:";
    const std::string login = StartsWith(given, kBasic) ? Base64Decode(given.substr(kBasic.size())) : "";
    if (!StartsWith(login, kUser)) throw RegistryError(401, "UNAUTHORIZED", "Not Authorized");
    if (cloud_.settings.iam != Iam::kEnforce) return;
    const auto txn = cloud_.store.Begin();
    const Json* known = txn->Find(kPasswords, DigestOf(login.substr(kUser.size())));
    if (known == nullptr) throw RegistryError(401, "UNAUTHORIZED", "Not Authorized");
    if (known->value("expires", 0.0) < cloud_.Now()) {
      throw RegistryError(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.");
    }
    session_ = (*known)["session"];
  }

  // Empty when whoever the password was given to may.
  std::string RefusalOf(const char* action, const std::string& repository, const net::Request& request,
                        const iam::Watch& watch) const {
    const auto txn = cloud_.store.Begin();
    iam::Permission permission{action, cloud_.Arn("ecr", "repository/" + repository), {}};
    for (const auto& [key, value] : iam::ResourceTags(*txn, permission.resource)) {
      permission.keys["aws:resourcetag/" + ToLower(key)] = {value};
      permission.keys["ecr:resourcetag/" + ToLower(key)] = {value};
    }
    return iam::SessionRefusal(cloud_, *txn, session_, request, permission, watch);
  }

  void Require(const Route& route, const net::Request& request) const {
    if (cloud_.settings.iam != Iam::kEnforce) return;
    for (const char* action : ActionsOf(route, request)) {
      const std::string refusal = RefusalOf(action, route.repository, request, watch_);
      if (!refusal.empty()) throw RegistryError(403, "DENIED", refusal);
    }
  }

  net::Response Dispatch(const net::Request& request) {
    if (request.path() == "/v2/" || request.path() == "/v2") {
      return {.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = "{}"};
    }
    const auto route = Parse(request.path());
    if (!route) throw RegistryError(404, "UNSUPPORTED", "the registry has no such path");
    Require(*route, request);
    RequireRepository(route->repository);
    const std::string& method = request.method;
    const bool reading = method == "GET" || method == "HEAD";
    if (route->kind == "blobs" && reading) return GetBlob(route->reference);
    if (route->kind == "manifests" && reading) return GetManifest(*route);
    if (route->kind == "manifests" && method == "PUT") return PutManifest(*route, request);
    if (route->kind == "tags" && method == "GET") return ListTags(route->repository);
    if (route->kind == "uploads") {
      if (method == "POST" && route->reference.empty()) return BeginUpload(*route, request);
      if (method == "PATCH") return Append(*route, request);
      if (method == "PUT") return EndUpload(*route, request);
      if (method == "GET") return UploadStatus(*route, 204);
      if (method == "DELETE") {
        fs::remove(UploadPath(route->reference));
        return {.status = 204};
      }
    }
    throw RegistryError(405, "UNSUPPORTED", "the registry does not do this");
  }

  void RequireRepository(const std::string& name) {
    const auto txn = cloud_.store.Begin();
    if (txn->Find("ecr.repositories", name) != nullptr) return;
    throw RegistryError(404, "NAME_UNKNOWN",
                        fmt::format("The repository with name '{}' does not exist in the registry with id '{}'", name,
                                    cloud_.settings.account));
  }

  // ---- Blobs

  fs::path BlobPath(const std::string& digest) const {
    return directory_ / "blobs" / digest.substr(digest.find(':') + 1);
  }
  bool HasBlob(const std::string& digest) const { return fs::exists(BlobPath(digest)); }

  net::Response GetBlob(const std::string& digest) const {
    RequireDigest(digest);
    if (!HasBlob(digest)) throw RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry");
    net::Response response{
        .status = 200, .headers = {{"Content-Type", "application/octet-stream"}, {"Docker-Content-Digest", digest}}};
    response.file = BlobPath(digest);
    response.file_length = fs::file_size(response.file);
    return response;
  }

  fs::path UploadPath(const std::string& id) const {
    // An id is one of ours, never a path.
    if (id.empty() || id.find_first_not_of("0123456789abcdef-") != std::string::npos ||
        !fs::exists(directory_ / "uploads" / id)) {
      throw RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    }
    return directory_ / "uploads" / id;
  }

  net::Response BeginUpload(const Route& route, const net::Request& request) {
    std::string mount;
    std::string from;
    std::string digest;
    for (const auto& [name, value] : net::ParseQuery(request.query())) {
      if (name == "mount") mount = value;
      if (name == "from") from = value;
      if (name == "digest") digest = value;
    }
    // From where it may not be read it is uploaded, as if it were not there.
    if (IsDigest(mount) && HasBlob(mount) && RefusalOf("ecr:GetDownloadUrlForLayer", from, request, {}).empty()) {
      return Created(route, "blobs", mount);
    }
    fs::create_directories(directory_ / "uploads");
    const std::string id = cloud_.random.Uuid();
    std::ofstream(directory_ / "uploads" / id).close();
    const Route upload{.repository = route.repository, .kind = "uploads", .reference = id};
    if (!digest.empty()) return EndUpload(upload, request);
    return UploadStatus(upload, 202);
  }

  net::Response UploadStatus(const Route& route, int status) const {
    const std::uint64_t size = fs::file_size(UploadPath(route.reference));
    return {.status = status,
            .headers = {{"Location", fmt::format("/v2/{}/blobs/uploads/{}", route.repository, route.reference)},
                        {"Docker-Upload-UUID", route.reference},
                        {"Range", fmt::format("0-{}", size == 0 ? 0 : size - 1)}}};
  }

  net::Response Append(const Route& route, const net::Request& request) {
    const fs::path path = UploadPath(route.reference);
    // 0-41 or bytes 0-41/42: pieces come in order.
    const std::string range = request.headers.GetOr("Content-Range", "");
    if (const auto digits = range.find_first_of("0123456789"); digits != std::string::npos) {
      if (std::strtoull(range.c_str() + digits, nullptr, 10) != fs::file_size(path)) {
        throw RegistryError(416, "BLOB_UPLOAD_INVALID", "this piece does not follow what has been received");
      }
    }
    AppendBody(path, request);
    return UploadStatus(route, 202);
  }

  static void AppendBody(const fs::path& path, const net::Request& request) {
    std::ofstream out(path, std::ios::binary | std::ios::app);
    if (request.body_file.empty()) {
      out.write(request.body.data(), static_cast<std::streamsize>(request.body.size()));
    } else {
      out << std::ifstream(request.body_file, std::ios::binary).rdbuf();
    }
    out.flush();
    if (!out) throw Error(fmt::format("cannot write {}: is the disk full?", path.string()));
  }

  net::Response EndUpload(const Route& route, const net::Request& request) {
    const fs::path path = UploadPath(route.reference);
    std::string digest;
    for (const auto& [name, value] : net::ParseQuery(request.query())) {
      if (name == "digest") digest = value;
    }
    RequireDigest(digest);
    AppendBody(path, request);
    if (const std::string actual = DigestOfFile(path); actual != digest) {
      fs::remove(path);
      throw RegistryError(400, "DIGEST_INVALID",
                          fmt::format("the uploaded content's digest is {}, not {}", actual, digest));
    }
    fs::create_directories(directory_ / "blobs");
    fs::rename(path, BlobPath(digest));
    return Created(route, "blobs", digest);
  }

  static net::Response Created(const Route& route, const char* kind, const std::string& digest) {
    return {.status = 201,
            .headers = {{"Location", fmt::format("/v2/{}/{}/{}", route.repository, kind, digest)},
                        {"Docker-Content-Digest", digest}}};
  }

  // ---- Manifests

  std::optional<Json> FindManifest(const std::string& repository, const std::string& digest) const {
    const auto txn = cloud_.store.Begin();
    const Json* found = txn->Find(kManifests, ManifestKey(repository, digest));
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  net::Response GetManifest(const Route& route) const {
    std::string digest = route.reference;
    if (!IsDigest(digest)) {
      const auto txn = cloud_.store.Begin();
      const Json* tag = txn->Find(kTags, TagKey(route.repository, route.reference));
      digest = tag == nullptr ? "" : Text(*tag, "digest");
    }
    const auto manifest = FindManifest(route.repository, digest);
    if (!manifest) {
      throw RegistryError(404, "MANIFEST_UNKNOWN",
                          fmt::format("no image with the tag or digest '{}' has been pushed to '{}'", route.reference,
                                      route.repository));
    }
    return {.status = 200,
            .headers = {{"Content-Type", Text(*manifest, "mediaType")}, {"Docker-Content-Digest", digest}},
            .body = Text(*manifest, "body")};
  }

  net::Response PutManifest(const Route& route, const net::Request& request) {
    const Json manifest = Json::parse(request.body, nullptr, false);
    if (!manifest.is_object()) throw RegistryError(400, "MANIFEST_INVALID", "the manifest is no JSON document");
    const std::string digest = DigestOf(request.body);
    const bool by_digest = IsDigest(route.reference);
    if (by_digest && route.reference != digest) {
      throw RegistryError(400, "DIGEST_INVALID", fmt::format("the manifest's digest is {}", digest));
    }
    for (const auto& reference : ReferencesOf(manifest)) {
      RequireDigest(reference);
      if (!HasBlob(reference) && !FindManifest(route.repository, reference)) {
        throw RegistryError(404, "MANIFEST_BLOB_UNKNOWN", fmt::format("{} has not been pushed", reference));
      }
    }
    if (!by_digest) CheckTag(route, digest);
    const Json image = ImageOf(route.repository, manifest);
    if (!by_digest) Load(route, image);

    const auto txn = cloud_.store.Begin();
    txn->Put(kManifests, ManifestKey(route.repository, digest),
             {{"body", request.body},
              {"mediaType", Text(manifest, "mediaType", request.headers.GetOr("Content-Type", ""))},
              {"config", Text(Fields(image, "config"), "digest")}});
    if (!by_digest) PutTag(*txn, route.repository, route.reference, digest);
    txn->Commit();
    return Created(route, "manifests", digest);
  }

  void CheckTag(const Route& route, const std::string& digest) {
    const auto txn = cloud_.store.Begin();
    const Json* repository = txn->Find("ecr.repositories", route.repository);
    const Json* tag = txn->Find(kTags, TagKey(route.repository, route.reference));
    if (tag != nullptr && Text(*tag, "digest") != digest && repository != nullptr &&
        Text(*repository, "imageTagMutability") == "IMMUTABLE") {
      throw RegistryError(400, "TAG_INVALID",
                          fmt::format("The image tag '{}' already exists in the '{}' repository and cannot be "
                                      "overwritten because the tag is immutable.",
                                      route.reference, route.repository));
    }
  }

  // Of an index, the manifest for this machine's processor.
  Json ImageOf(const std::string& repository, const Json& manifest) const {
    if (!manifest.contains("manifests")) return manifest;
    for (const Json& one : manifest["manifests"]) {
      if (Text(Fields(one, "platform"), "architecture") != Architecture()) continue;
      if (const auto found = FindManifest(repository, Text(one, "digest"))) return Json::parse(Text(*found, "body"));
    }
    throw RegistryError(400, "MANIFEST_INVALID",
                        fmt::format("the index has no image for {}, this machine's processor", Architecture()));
  }

  void Load(const Route& route, const Json& image) {
    const std::string config = Text(Fields(image, "config"), "digest");
    if (!IsDigest(config)) throw RegistryError(400, "MANIFEST_INVALID", "the manifest has no configuration");
    ImageParts parts{.reference = RepositoryUri(cloud_, route.repository) + ":" + route.reference,
                     .config = {},
                     .config_digest = config,
                     .layers = {}};
    std::ifstream file(BlobPath(config), std::ios::binary);
    parts.config = {std::istreambuf_iterator<char>(file), {}};
    for (const Json& layer : Items(image, "layers")) parts.layers.push_back(BlobPath(Text(layer, "digest")));
    fs::create_directories(directory_ / "uploads");
    cloud_.runtime.LoadImage(parts, directory_ / "uploads");
  }

  net::Response ListTags(const std::string& repository) const {
    Json tags = Json::array();
    const auto txn = cloud_.store.Begin();
    for (const auto& [key, tag] : txn->All(kTags)) {
      if (Text(tag, "repository") == repository) tags.push_back(key.substr(repository.size() + 1));
    }
    return {.status = 200,
            .headers = {{"Content-Type", "application/json"}},
            .body = Json{{"name", repository}, {"tags", tags}}.dump()};
  }

  Cloud& cloud_;
  const iam::Watch watch_;
  const fs::path directory_;
  Json session_;  // of whom the password was given to; null for the account's root, and where nothing is enforced
};

}  // namespace

std::optional<net::Response> AnswerRegistry(Cloud& cloud, const net::Request& request, const iam::Watch& watch) {
  if (request.path() != "/v2" && !StartsWith(request.path(), "/v2/")) return std::nullopt;
  try {
    return Registry(cloud, watch).Answer(request);
  } catch (const RegistryError& error) {
    net::Response response = error.Answer();
    if (response.status == 401) {
      response.headers.Set("WWW-Authenticate", fmt::format("Basic realm=\"http://{}/\",service=\"ecr.amazonaws.com\"",
                                                           request.headers.GetOr("Host", "localhost")));
    }
    return response;
  } catch (const Json::exception& error) {
    return RegistryError(400, "MANIFEST_INVALID", error.what()).Answer();
  } catch (const std::exception& error) {
    spdlog::error("registry: {} {}: {}", request.method, request.path(), error.what());
    return RegistryError(500, "UNKNOWN", error.what()).Answer();
  }
}

std::string GiveRegistryPassword(Cloud& cloud, Call& call, double expires) {
  std::vector<std::string> over;
  for (const auto& [digest, given] : call.txn.All(kPasswords)) {
    if (given.value("expires", 0.0) < cloud.Now()) over.push_back(digest);
  }
  for (const auto& digest : over) call.txn.Erase(kPasswords, digest);
  const std::string password = cloud.random.Hex(64);
  // A copy: the session may end before.
  const Json* session = call.txn.Find("sts.sessions", call.access_key);
  Json given{{"session", session == nullptr ? Json() : *session}, {"expires", expires}};
  if (session != nullptr) given["session"].erase("_secret");
  call.txn.Put(kPasswords, DigestOf(password), std::move(given));
  return password;
}

std::string RepositoryUri(const Cloud& cloud, const std::string& repository) {
  return fmt::format("{}.dkr.ecr.{}.amazonaws.com/{}", cloud.settings.account, cloud.settings.region, repository);
}

std::optional<PushedImage> FindPushedImage(const Store::Transaction& txn, const std::string& repository,
                                           const std::string& tag) {
  const Json* found = txn.Find(kTags, TagKey(repository, tag));
  if (found == nullptr) return std::nullopt;
  const std::string digest = Text(*found, "digest");
  const Json* manifest = txn.Find(kManifests, ManifestKey(repository, digest));
  if (manifest == nullptr) return std::nullopt;
  return PushedImage{.digest = digest,
                     .config = Text(*manifest, "config"),
                     .manifest = Text(*manifest, "body"),
                     .media_type = Text(*manifest, "mediaType")};
}

void TagPushedImage(Cloud& cloud, const std::string& repository, const std::string& tag, const std::string& manifest) {
  const auto txn = cloud.store.Begin();
  const std::string digest = DigestOf(manifest);
  if (txn->Find(kManifests, ManifestKey(repository, digest)) == nullptr) return;
  PutTag(*txn, repository, tag, digest);
  txn->Commit();
}

void ForgetPushedTag(Cloud& cloud, const std::string& repository, const std::string& tag) {
  std::set<std::string> forgotten;
  {
    const auto txn = cloud.store.Begin();
    const Json* found = txn->Find(kTags, TagKey(repository, tag));
    if (found == nullptr) return;
    Registry::Reach(*txn, repository, Text(*found, "digest"), forgotten);
    txn->Erase(kTags, TagKey(repository, tag));
    txn->Commit();
  }
  Registry(cloud).RemoveUnused(forgotten);
}

}  // namespace adhoc::localcloud
