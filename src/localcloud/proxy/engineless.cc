#include "localcloud/proxy/engineless.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "base/error.h"

namespace adhoc::localcloud::proxy {
namespace {

// Answers from haproxy.cfg, which is kept as the HAProxy shall be; so there is nothing left for commands to change.
class EnginelessHaproxyCli final : public HaproxyCli {
 public:
  std::string Run(const std::filesystem::path& directory, const std::string& command) override {
    std::ifstream config(directory / "haproxy.cfg");
    if (!config) throw Error(fmt::format("there is no HAProxy in {}", directory.string()));
    if (command == "show proc") return "1 master 0 0d 2.6\n# workers\n2 worker 0 0d 2.6\n# old workers\n";
    if (command.find("get var") != std::string::npos) return Version(config);
    return command.find("show servers state") != std::string::npos ? Servers(config) : "";
  }

 private:
  //   set-var proc.adhoc_version str(1ff0c6b30549f9ab)
  static std::string Version(std::istream& config) {
    for (std::string line; std::getline(config, line);) {
      const auto at = line.find("proc.adhoc_version str(");
      if (at == std::string::npos) continue;
      const auto begin = line.find('(', at) + 1;
      return fmt::format("proc.adhoc_version: type=str value=<{}>\n", line.substr(begin, line.find(')', at) - begin));
    }
    return "";
  }

  // backend tg-web
  //   server t10_0_1_5-80 10.0.1.5:80 weight 100
  static std::string Servers(std::istream& config) {
    std::string states = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n";
    std::string backend;
    for (std::string line; std::getline(config, line);) {
      std::istringstream words(line);
      std::string kind, name, address, option;
      int weight = 0;
      words >> kind >> name;
      if (kind == "backend") backend = name;
      if (kind == "server" && words >> address >> option >> weight && option == "weight") {
        states += fmt::format("3 {} 1 {} - 2 0 {}\n", backend, name, weight);
      }
    }
    return states;
  }
};

class EnginelessProber final : public Prober {
 public:
  void Probe(const ProbeRequest&, std::function<void(const ProbeResult&)> done) override {
    done({.kind = ProbeResult::Kind::kAnswered, .status = 200});
  }
};

}  // namespace

std::unique_ptr<HaproxyCli> MakeEnginelessHaproxyCli() { return std::make_unique<EnginelessHaproxyCli>(); }
std::unique_ptr<Prober> MakeEnginelessProber() { return std::make_unique<EnginelessProber>(); }

}  // namespace adhoc::localcloud::proxy
