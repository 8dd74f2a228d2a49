// The one exception type that ends a unit of work (a command, a request, a graph vertex, a reconcile tick).
// An outcome that the caller branches on is a value instead.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace adhoc {

// what() reads `what happened: why`, with no trailing period. The hint is the next thing to try, or empty.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, std::string hint = "")
      : std::runtime_error(message), hint_(std::move(hint)) {}

  const std::string& hint() const { return hint_; }

 private:
  std::string hint_;
};

// Rethrows the exception being handled as an Error whose message is `context: message`, keeping its hint.
// Call only inside a catch block.
[[noreturn]] void RethrowWithContext(std::string_view context);

}  // namespace adhoc
