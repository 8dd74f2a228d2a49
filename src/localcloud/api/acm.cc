// AWS Certificate Manager. The local authority in state_dir/ca makes the certificates; they are issued when the record
// that validates them is in Route 53 (by email: at once). The keys stay in the documents (`_private_key`), where the
// load balancer reads them.
#include <algorithm>

#include "aws/sign/sigv4.h"
#include "localcloud/api/acm.h"
#include "localcloud/api/route53.h"
#include "localcloud/api/support.h"
#include "localcloud/certificates/authority.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kCertificates = "acm.certificates";

const Json& Get(const Call& call, const std::string& arn) {
  const Json* found = call.txn.Find(kCertificates, arn);
  if (found == nullptr) throw ApiError("ResourceNotFoundException", "Could not find certificate " + arn + ".");
  return *found;
}

Json& Edit(Call& call) {
  const std::string arn = Text(call.input, "CertificateArn");
  Get(call, arn);
  return call.txn.Edit(kCertificates, arn);
}

Json InUseBy(const Call& call, const std::string& arn) {
  Json users = Json::array();
  for (const auto& [listener_arn, listener] : call.txn.All("elbv2.listeners")) {
    for (const char* list : {"Certificates", "_certificates"}) {
      for (const auto& certificate : Items(listener, list)) {
        const Json balancer = Text(listener, "LoadBalancerArn");
        if (Text(certificate, "CertificateArn") == arn &&
            std::find(users.begin(), users.end(), balancer) == users.end())
          users.push_back(balancer);
      }
    }
  }
  return users;
}

Json Answer(const Call& call, const Json& certificate) {
  Json answer = certificate;
  answer["InUseBy"] = InUseBy(call, Text(certificate, "CertificateArn"));
  return answer;
}

void SetDetails(Json& certificate, const IssuedCertificate& issued) {
  const CertificateDetails details = DescribeCertificate(issued.certificate);
  certificate["_certificate"] = issued.certificate;
  certificate["_private_key"] = issued.private_key;
  certificate["_chain"] = issued.chain;
  certificate["Serial"] = details.serial;
  certificate["Subject"] = details.subject;
  certificate["Issuer"] = details.issuer;
  certificate["NotBefore"] = details.not_before;
  certificate["NotAfter"] = details.not_after;
  certificate["KeyAlgorithm"] = details.key_algorithm == "EC-prime256v1" ? "EC_prime256v1" : details.key_algorithm;
  certificate["SignatureAlgorithm"] = details.signature_algorithm;
  certificate["SubjectAlternativeNames"] = details.names;
  certificate["DomainName"] = details.names.empty() ? "" : details.names.front();
}

std::vector<std::string> NamesOf(const Json& input) {
  std::vector<std::string> names = {ToLower(Text(input, "DomainName"))};
  for (const auto& name : Strings(input, "SubjectAlternativeNames")) {
    if (std::find(names.begin(), names.end(), ToLower(name)) == names.end()) names.push_back(ToLower(name));
  }
  return names;
}

// What a domain's owner has to publish: the same in every request of an account.
Json ValidationOptions(Cloud& cloud, const std::vector<std::string>& names, const std::string& method) {
  Json options = Json::array();
  for (const auto& name : names) {
    const std::string domain = StartsWith(name, "*.") ? name.substr(2) : name;
    Json option{{"DomainName", name},
                {"ValidationDomain", domain},
                {"ValidationStatus", method == "DNS" ? "PENDING_VALIDATION" : "SUCCESS"},
                {"ValidationMethod", method}};
    if (method == "DNS") {
      const std::string seed = cloud.settings.account + " " + domain;
      option["ResourceRecord"] = {
          {"Name", "_" + aws::Sha256Hex("name " + seed).substr(0, 32) + "." + domain + "."},
          {"Type", "CNAME"},
          {"Value", "_" + aws::Sha256Hex("value " + seed).substr(0, 32) + ".acm-validations.aws."}};
    } else {
      option["ValidationEmails"] = Json::array({"admin@" + domain});
    }
    options.push_back(std::move(option));
  }
  return options;
}

Json RequestCertificate(Cloud& cloud, Call& call) {
  const std::vector<std::string> names = NamesOf(call.input);
  const std::string token = Text(call.input, "IdempotencyToken");
  const double now = cloud.Now();
  for (const auto& [arn, other] : call.txn.All(kCertificates)) {
    // ACM remembers a token for an hour.
    if (!token.empty() && Text(other, "_token") == token && other.value("_names", Json()) == Json(names) &&
        other.value("CreatedAt", 0.0) > now - 3600) {
      return {{"CertificateArn", arn}};
    }
  }
  const std::string arn = cloud.Arn("acm", "certificate/" + cloud.random.Uuid());
  const std::string method = Text(call.input, "ValidationMethod", "EMAIL");
  Json certificate{
      {"CertificateArn", arn},
      {"Type", "AMAZON_ISSUED"},
      {"Status", "PENDING_VALIDATION"},
      {"CreatedAt", now},
      {"RenewalEligibility", "INELIGIBLE"},
      {"DomainValidationOptions", ValidationOptions(cloud, names, method)},
      {"KeyUsages", Json::array({{{"Name", "DIGITAL_SIGNATURE"}}})},
      {"ExtendedKeyUsages", Json::array({{{"Name", "TLS_WEB_SERVER_AUTHENTICATION"}, {"OID", "1.3.6.1.5.5.7.3.1"}}})},
      {"Options",
       {{"CertificateTransparencyLoggingPreference",
         Text(Fields(call.input, "Options"), "CertificateTransparencyLoggingPreference", "ENABLED")}}},
      {"_names", names},
      {"_token", token},
      {"_tags", Items(call.input, "Tags")}};
  SetDetails(certificate, std::any_cast<const IssuedCertificate&>(call.prepared));
  certificate["DomainName"] = names.front();
  certificate["SubjectAlternativeNames"] = names;
  call.txn.Put(kCertificates, arn, std::move(certificate));
  IssueValidatedCertificates(cloud, call.txn);
  return {{"CertificateArn", arn}};
}

Json ImportCertificate(Cloud& cloud, Call& call) {
  const IssuedCertificate given{Text(call.input, "Certificate"), Text(call.input, "PrivateKey"),
                                Text(call.input, "CertificateChain")};
  Json certificate;
  std::string arn = Text(call.input, "CertificateArn");
  if (arn.empty()) {
    arn = cloud.Arn("acm", "certificate/" + cloud.random.Uuid());
    certificate = {{"CertificateArn", arn},
                   {"Type", "IMPORTED"},
                   {"Status", "ISSUED"},
                   {"CreatedAt", cloud.Now()},
                   {"RenewalEligibility", "INELIGIBLE"},
                   {"_tags", Items(call.input, "Tags")}};
  } else {
    certificate = Get(call, arn);
  }
  try {
    if (!KeyMatches(given.certificate, given.private_key)) {
      throw ApiError("ValidationException", "The certificate and the private key do not match.");
    }
    SetDetails(certificate, given);
  } catch (const ApiError&) {
    throw;
  } catch (const Error& error) {
    throw ApiError("ValidationException", error.what());
  }
  certificate["ImportedAt"] = cloud.Now();
  call.txn.Put(kCertificates, arn, std::move(certificate));
  return {{"CertificateArn", arn}};
}

Json Describe(Cloud&, Call& call) {
  return {{"Certificate", Answer(call, Get(call, Text(call.input, "CertificateArn")))}};
}

Json GetCertificate(Cloud&, Call& call) {
  const Json& certificate = Get(call, Text(call.input, "CertificateArn"));
  if (Text(certificate, "Status") != "ISSUED") {
    throw ApiError("RequestInProgressException",
                   "Certificate " + Text(certificate, "CertificateArn") + " is pending validation.");
  }
  Json output{{"Certificate", Text(certificate, "_certificate")}};
  if (const std::string chain = Text(certificate, "_chain"); !chain.empty()) output["CertificateChain"] = chain;
  return output;
}

Json List(Cloud&, Call& call) {
  const Json& statuses = Items(call.input, "CertificateStatuses");
  KeyedItems items;
  for (const auto& [arn, certificate] : call.txn.All(kCertificates)) {
    if (!statuses.empty() && std::find(statuses.begin(), statuses.end(), certificate["Status"]) == statuses.end())
      continue;
    Json summary = certificate;
    summary["SubjectAlternativeNameSummaries"] = certificate["SubjectAlternativeNames"];
    summary["HasAdditionalSubjectAlternativeNames"] = false;
    summary["InUse"] = !InUseBy(call, arn).empty();
    // In a summary these are plain names.
    summary["KeyUsages"] = Json::array();
    summary["ExtendedKeyUsages"] = Json::array();
    items.emplace_back(arn, std::move(summary));
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxItems", 1000), Text(call.input, "NextToken"),
                       "ValidationException");
  Json output{{"CertificateSummaryList", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json Delete(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "CertificateArn");
  Get(call, arn);
  if (!InUseBy(call, arn).empty()) throw ApiError("ResourceInUseException", "Certificate " + arn + " is in use.");
  call.txn.Erase(kCertificates, arn);
  return Json::object();
}

Json AddTags(Cloud&, Call& call) {
  MergeTags(Edit(call)["_tags"], Items(call.input, "Tags"));
  return Json::object();
}

Json RemoveTagsFromCertificate(Cloud&, Call& call) {
  Json keys = Json::array();
  for (const auto& tag : Items(call.input, "Tags")) keys.push_back(Text(tag, "Key"));
  RemoveTags(Edit(call)["_tags"], keys);
  return Json::object();
}

Json ListTags(Cloud&, Call& call) { return {{"Tags", Items(Get(call, Text(call.input, "CertificateArn")), "_tags")}}; }

bool IsValidated(const Store::Transaction& txn, const Json& option) {
  const Json& record = Fields(option, "ResourceRecord");
  return Text(option, "ValidationStatus") == "SUCCESS" ||
         HasPublicCname(txn, Text(record, "Name"), Text(record, "Value"));
}

}  // namespace

void IssueValidatedCertificates(Cloud& cloud, Store::Transaction& txn) {
  std::vector<std::string> validated;
  for (const auto& [arn, certificate] : txn.All(kCertificates)) {
    const Json& options = Items(certificate, "DomainValidationOptions");
    if (Text(certificate, "Status") == "PENDING_VALIDATION" &&
        std::all_of(options.begin(), options.end(), [&](const Json& option) { return IsValidated(txn, option); })) {
      validated.push_back(arn);
    }
  }
  for (const auto& arn : validated) {
    Json& certificate = txn.Edit(kCertificates, arn);
    certificate["Status"] = "ISSUED";
    certificate["IssuedAt"] = cloud.Now();
    for (Json& option : certificate["DomainValidationOptions"]) option["ValidationStatus"] = "SUCCESS";
  }
}

void RegisterAcm(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "acm",
                   {{"AddTagsToCertificate", AddTags},
                    {"DeleteCertificate", Delete},
                    {"DescribeCertificate", Describe},
                    {"GetCertificate", GetCertificate},
                    {"ImportCertificate", ImportCertificate},
                    {"ListCertificates", List},
                    {"ListTagsForCertificate", ListTags},
                    {"RemoveTagsFromCertificate", RemoveTagsFromCertificate},
                    {"RequestCertificate", RequestCertificate}});
  api.SetPrepare("acm", "RequestCertificate", [&cloud](const Json& input, const net::Request&) -> std::any {
    const auto names = NamesOf(input);
    for (const auto& name : names) {
      if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.*") != std::string::npos) {
        throw ApiError("ValidationException", "The domain name " + name + " is not valid.");
      }
    }
    return CertificateAuthority(cloud.settings.state_dir / "ca").Issue(names, cloud.clock.Now());
  });
}

}  // namespace adhoc::localcloud
