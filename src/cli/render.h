// Plans and results as people read them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "env/forecast.h"
#include "env/plan.h"
#include "env/versions.h"

namespace adhoc::cli {

//   + service alpha-gunicorn
//   ~ task definition alpha-worker
//       image: backend:v1.0.0 → backend:v1.1.0
std::string RenderPlan(const env::Plan& plan, bool colour);

// `about 2 min 40 s, the longest part is service alpha-gunicorn`; nothing for an empty plan.
std::string RenderForecast(const env::Forecast& forecast);

// The images whose running tag is not the variables': a deploy that this apply keeps.
std::string RenderKept(const config::Config& config, const std::map<std::string, env::Version>& versions);

// The commands that a person may want next.
std::vector<std::string> WhatToTry(const config::Config& config);

// In a step of a GitHub job: the output `url`, and a summary with URL, versions and WhatToTry. Elsewhere nothing.
void WriteJobResult(const config::Config& config, const std::string& what,
                    const std::map<std::string, std::string>& tags);

}  // namespace adhoc::cli
