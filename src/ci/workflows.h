// The GitHub workflows of an application: shared resources, environments, deploys and images, as buttons of its
// repository. Pure: a definition's words in, file texts out. Inputs reach commands through the environment, never as
// text of a script.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace adhoc::ci {

struct WorkflowTarget {
  std::string name;
  std::string shared;
  std::string region;
  // ARNs that the workflows assume by OIDC.
  std::string role;         // for environments and images
  std::string shared_role;  // for the shared resources
};

struct WorkflowOptions {
  std::string action;                   // that installs adhoc: OWNER/REPOSITORY@REF
  std::string directory;                // of adhoc.yaml in the repository; empty: its root
  std::vector<WorkflowTarget> targets;  // at least one; the first is the default
  std::vector<std::string> images;      // that can be deployed
  std::vector<std::string> built;       // those of them that are built here
  bool stored_keys = false;             // secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead of OIDC
};

// In the first line of every file: whose it is, and so may be written again.
inline constexpr const char* kWrittenBy = "# Written by `adhoc ci init`";

// File name in .github/workflows → text.
std::map<std::string, std::string> MakeWorkflows(const WorkflowOptions& options);

}  // namespace adhoc::ci
