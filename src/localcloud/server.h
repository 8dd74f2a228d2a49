// The local cloud as one process: documents, API, controllers, and the HTTP server in front. Containers that it started
// go on running when it stops or dies; the next one adopts them.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "localcloud/settings.h"

namespace adhoc::localcloud {

class Server {
 public:
  // Opens the state and binds the port. Throws Error: port in use, state damaged or in use by another server, no
  // engine.
  Server(const LocalSettings& settings, Clock& clock, Random& random);
  // Stops the controllers and the HTTP server.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Removes every container, network and volume of this state directory from the engine, and the directory's contents.
// The server must not run.
void RemoveEverything(const LocalSettings& settings);

}  // namespace adhoc::localcloud
