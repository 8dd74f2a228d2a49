#include "localcloud/api/api.h"

namespace adhoc::localcloud {

void RegisterServices(Api& api, Cloud& cloud) {
  RegisterAcm(api, cloud);
  RegisterApplicationAutoScaling(api, cloud);
  RegisterCloudwatch(api, cloud);
  RegisterEc2(api, cloud);
  RegisterEcr(api, cloud);
  RegisterEcs(api, cloud);
  RegisterEfs(api, cloud);
  RegisterElbv2(api, cloud);
  RegisterIam(api, cloud);
  RegisterLogs(api, cloud);
  RegisterRds(api, cloud);
  RegisterRoute53(api, cloud);
  RegisterS3(api, cloud);
  RegisterSecretsManager(api, cloud);
  RegisterServiceDiscovery(api, cloud);
  RegisterServiceQuotas(api, cloud);
  RegisterSsm(api, cloud);
  RegisterSsmInstances(api, cloud);
  RegisterSsmParameters(api, cloud);
  RegisterSts(api, cloud);
}

}  // namespace adhoc::localcloud
