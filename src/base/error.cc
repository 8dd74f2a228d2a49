#include "base/error.h"

namespace adhoc {

void RethrowWithContext(std::string_view context) {
  const std::string prefix = std::string(context) + ": ";
  try {
    throw;
  } catch (const Error& error) {
    throw Error(prefix + error.what(), error.hint());
  } catch (const std::exception& error) {
    throw Error(prefix + error.what());
  }
}

}  // namespace adhoc
