#include "localcloud/iam/managed_policies.h"

namespace adhoc::localcloud::iam {
namespace {

struct Managed {
  std::string_view name;  // with its path
  const char* document;
};

constexpr Managed kManaged[] = {
    {"AdministratorAccess", R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    {"AmazonS3FullAccess",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]})"},
    {"AmazonS3ReadOnlyAccess",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*",)"
     R"("s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]})"},
    {"service-role/AmazonECSTaskExecutionRolePolicy",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken",)"
     R"("ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream",)"
     R"("logs:PutLogEvents"],"Resource":"*"}]})"},
};

}  // namespace

const char* AwsManagedDocument(std::string_view arn) {
  constexpr std::string_view kPrefix = "arn:aws:iam::aws:policy/";
  if (!arn.starts_with(kPrefix)) return nullptr;
  for (const auto& managed : kManaged) {
    if (arn.substr(kPrefix.size()) == managed.name) return managed.document;
  }
  return nullptr;
}

}  // namespace adhoc::localcloud::iam
