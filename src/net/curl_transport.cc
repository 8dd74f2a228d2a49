#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "base/sync.h"
#include "net/reason.h"
#include "net/transport.h"

namespace adhoc::net {
namespace {

constexpr std::size_t kIdleHandlesPerOrigin = 32;

void InitializeCurl() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) throw TransportError("cannot start libcurl", false, false);
}

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

// What all handles share: resolved names and TLS sessions. Not connections, whose sharing libcurl documents as unsafe
// between threads; each handle keeps its own.
class Share {
 public:
  Share() : handle_(curl_share_init()) {
    curl_share_setopt(handle_, CURLSHOPT_USERDATA, this);
    curl_share_setopt(handle_, CURLSHOPT_LOCKFUNC, &Share::Lock);
    curl_share_setopt(handle_, CURLSHOPT_UNLOCKFUNC, &Share::Unlock);
    curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(handle_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  ~Share() { curl_share_cleanup(handle_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  CURLSH* get() const { return handle_; }

 private:
  static void Lock(CURL*, curl_lock_data data, curl_lock_access, void* self) {
    static_cast<Share*>(self)->mutexes_[data].lock();
  }
  static void Unlock(CURL*, curl_lock_data data, void* self) { static_cast<Share*>(self)->mutexes_[data].unlock(); }

  CURLSH* handle_;
  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
};

// This machine, and the link-local addresses of AWS's metadata services: no proxy leads there.
bool IsNear(const std::string& host) {
  in_addr address{};
  if (::inet_pton(AF_INET, host.c_str(), &address) == 1) {
    return (ntohl(address.s_addr) >> 24) == 127 || (ntohl(address.s_addr) >> 16) == 0xa9fe;
  }
  return host == "localhost" || host.ends_with(".localhost") || host == "::1";
}

std::size_t AppendBody(char* data, std::size_t, std::size_t size, void* body) {
  try {
    static_cast<std::string*>(body)->append(data, size);
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return size;
}

std::size_t AppendHeader(char* data, std::size_t, std::size_t size, void* target) {
  Headers& headers = *static_cast<Headers*>(target);
  std::string_view line(data, size);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    headers = Headers();  // a further answer: after `100 Continue`, or a proxy's
    return size;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  headers.Add(line.substr(0, colon), value);
  return size;
}

List MakeHeaderList(const Headers& headers) {
  curl_slist* list = nullptr;
  const auto append = [&list](const std::string& line) {
    curl_slist* const grown = curl_slist_append(list, line.c_str());
    if (grown == nullptr) throw std::bad_alloc();
    list = grown;
  };
  for (const auto& [name, value] : headers) {
    if (EqualsIgnoreCase(name, "Content-Length")) continue;  // libcurl's own, from the body's size
    append(value.empty() ? name + ";" : name + ": " + value);
  }
  // What libcurl would add by itself.
  for (const char* name : {"Accept", "Expect", "Content-Type"}) {
    if (!headers.Has(name)) append(std::string(name) + ":");
  }
  return List(list);
}

std::string Explain(CURL* handle, CURLcode code, const SendOptions& options, const char* detail) {
  long system_error = 0;
  curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &system_error);
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      if (system_error != 0) return AsReason(std::strerror(static_cast<int>(system_error)));
      break;
    case CURLE_COULDNT_RESOLVE_HOST:
      return "its name cannot be resolved";
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t connected = 0;
      curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &connected);
      return connected > 0 ? fmt::format("no answer within {} ms", options.timeout.count())
                           : fmt::format("no connection within {} ms", options.connect_timeout.count());
    }
    case CURLE_GOT_NOTHING:
      return "the connection closed without an answer";
    default:
      break;
  }
  return AsReason(detail[0] != '\0' ? detail : curl_easy_strerror(code));
}

class CurlTransport final : public Transport {
 public:
  CurlTransport() { InitializeCurl(); }

  Response Send(const Uri& origin, const Request& request, const SendOptions& options) override {
    const std::string base = origin.scheme + "://" + origin.authority();
    Easy easy = Take(base);
    // Of a failed exchange too: libcurl keeps or drops the connection as its state allows.
    struct GiveBack {
      CurlTransport& transport;
      const std::string& base;
      Easy& easy;
      ~GiveBack() { transport.Give(base, std::move(easy)); }
    } give_back{*this, base, easy};
    return Perform(easy.get(), origin, base, request, options);
  }

 private:
  using Pool = std::map<std::string, std::vector<Easy>>;

  // The handle that was used last, whose connection is the most likely to be alive.
  Easy Take(const std::string& base) {
    {
      auto pool = pool_.lock();
      if (auto& idle = (*pool)[base]; !idle.empty()) {
        Easy easy = std::move(idle.back());
        idle.pop_back();
        return easy;
      }
    }
    Easy easy(curl_easy_init());
    if (!easy) throw std::bad_alloc();
    return easy;
  }

  void Give(const std::string& base, Easy easy) {
    curl_easy_reset(easy.get());  // keeps the connection
    auto pool = pool_.lock();
    if (auto& idle = (*pool)[base]; idle.size() < kIdleHandlesPerOrigin) idle.push_back(std::move(easy));
  }

  Response Perform(CURL* handle, const Uri& origin, const std::string& base, const Request& request,
                   const SendOptions& options) {
    const std::string url = base + request.target;
    const List headers = MakeHeaderList(request.headers);
    char detail[CURL_ERROR_SIZE] = "";
    Response response;

    curl_easy_setopt(handle, CURLOPT_SHARE, share_.get());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    if (IsNear(origin.host)) curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 128L << 10);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &AppendBody);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &response.body);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &AppendHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &response.headers);
    if (request.method == "HEAD") {
      curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    } else {
      if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
      }
      curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }

    const CURLcode code = curl_easy_perform(handle);
    if (code != CURLE_OK) {
      long request_bytes = 0;
      curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &request_bytes);
      throw TransportError(fmt::format("cannot reach {}: {}", base, Explain(handle, code, options, detail)),
                           request_bytes > 0, code == CURLE_OPERATION_TIMEDOUT);
    }
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    return response;
  }

  Share share_;
  Sync<Pool> pool_;  // after share_: the handles go first
};

}  // namespace

std::unique_ptr<Transport> MakeCurlTransport() { return std::make_unique<CurlTransport>(); }

}  // namespace adhoc::net
