#include "cli/render.h"

#include <fmt/format.h>

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
    for (const auto& reason : change.reasons) text += ui::Styled(fmt::format("      {}", reason), ui::Style::kDim, colour) + "\n";
  }
  return text;
}

std::string RenderKept(const config::Config& config, const std::map<std::string, env::Version>& versions) {
  std::string text;
  for (const auto& image : config.images) {
    const auto found = versions.find(image.name);
    if (found == versions.end() || found->second.origin != env::Version::Origin::kDeployed) continue;
    text += fmt::format("{} stays at {}, which was deployed after the variables said {}\n", image.name, found->second.tag, image.tag);
  }
  return text;
}

}  // namespace adhoc::cli
