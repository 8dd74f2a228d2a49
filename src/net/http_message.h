// HTTP/1.1 messages as values, shared by every client and server here. Plain data; no thread safety of their own.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace adhoc::net {

// Field lines in order. Names compare without regard to case (RFC 9110 §5.1).
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> lines) : lines_(lines) {}

  std::optional<std::string_view> Get(std::string_view name) const;  // the first one
  std::string GetOr(std::string_view name, std::string_view otherwise) const;
  bool Has(std::string_view name) const { return Get(name).has_value(); }
  void Set(std::string_view name, std::string_view value);  // replaces all of that name
  void Add(std::string_view name, std::string_view value);
  void Remove(std::string_view name);

  auto begin() const { return lines_.begin(); }
  auto end() const { return lines_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";  // origin form, as on the wire: encoded path and query
  Headers headers;
  std::string body;
  std::string remote_address;  // set by a server
  // Where a body is that is too large for memory; `body` is empty then. A server's file goes when the handler returns;
  // of the clients, StreamClient sends it.
  std::string body_file;

  std::string_view path() const;   // still percent-encoded
  std::string_view query() const;  // without the '?'; may be empty
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // A server sends this file's bytes [file_offset, file_offset + file_length) instead of `body` when file is set.
  std::string file;
  std::uint64_t file_offset = 0;
  std::uint64_t file_length = 0;
  // Faults on request: a server closes the connection instead of sending the answer, or says nothing until the client
  // gives up, or waits before it does what `fate` says.
  enum class Fate { kSent, kConnectionClosed, kNeverSent };
  Fate fate = Fate::kSent;
  std::chrono::milliseconds delay{0};
};

bool EqualsIgnoreCase(std::string_view a, std::string_view b);

}  // namespace adhoc::net
