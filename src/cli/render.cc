#include "cli/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ci/github_job.h"
#include "ui/view.h"

namespace adhoc::cli {

std::string RenderPlan(const env::Plan& plan, bool colour) {
  std::string text;
  for (const env::Change& change : plan.changes()) {
    ui::Style style = ui::Style::kYellow;
    if (change.action == env::Action::kCreate) style = ui::Style::kGreen;
    if (change.action == env::Action::kDelete) style = ui::Style::kRed;
    if (change.action == env::Action::kRun) style = ui::Style::kCyan;
    text += fmt::format("  {} {}\n", ui::Styled(env::Symbol(change.action), style, colour), change.id);
    for (const auto& reason : change.reasons)
      text += ui::Styled(fmt::format("      {}", reason), ui::Style::kDim, colour) + "\n";
  }
  return text;
}

std::string RenderForecast(const env::Forecast& forecast) {
  if (forecast.path.empty()) return "";
  return fmt::format("about {}, the longest part is {}", ui::Ago(std::max(1.0, std::round(forecast.seconds))),
                     forecast.longest);
}

std::string RenderKept(const config::Config& config, const std::map<std::string, env::Version>& versions) {
  std::string text;
  for (const auto& image : config.images) {
    const auto found = versions.find(image.name);
    if (found == versions.end() || found->second.origin != env::Version::Origin::kDeployed) continue;
    text += fmt::format("{} stays at {}, which was deployed after the variables said {}\n", image.name,
                        found->second.tag, image.tag);
  }
  return text;
}

std::vector<std::string> WhatToTry(const config::Config& config) {
  std::vector<std::string> commands{"adhoc status " + config.environment,
                                    fmt::format("adhoc logs {} -f", config.environment)};
  for (const auto& service : config.services) {
    if (service.image.image.empty() || !service.load_balanced()) continue;
    commands.push_back(fmt::format("adhoc exec {} {} -- bash", config.environment, service.name));
    break;
  }
  return commands;
}

void WriteJobResult(const config::Config& config, const std::string& what,
                    const std::map<std::string, std::string>& tags) {
  ci::WriteOutput("url", config.url);
  std::string summary =
      fmt::format("### {} {}\n\n<{}>\n\n| image | tag |\n| --- | --- |\n", config.environment, what, config.url);
  for (const auto& [image, tag] : tags) summary += fmt::format("| {} | `{}` |\n", image, tag);
  summary += "\nTry:\n\n```\n";
  for (const std::string& command : WhatToTry(config)) summary += command + "\n";
  ci::WriteSummary(summary + "```\n");
}

}  // namespace adhoc::cli
