// Amazon Route 53: hosted zones and their records, which the DNS server answers from (names/).
#include "localcloud/api/route53.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "localcloud/api/acm.h"
#include "localcloud/api/support.h"
#include "localcloud/names/record_data.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kZones = "route53.zones";      // key: id
constexpr std::string_view kRecords = "route53.records";  // key: zone id, reversed name, type, set identifier
constexpr std::string_view kChanges = "route53.changes";

constexpr double kInSyncAfter = 0.5;
constexpr double kChangeRemembered = 24 * 3600;

// Lower case, a dot at the end, and as Route 53 answers: characters that are unusual in names as \ooo.
std::string NormalName(std::string_view name) {
  std::string normal;
  for (const char c : name) {
    if (c == '*') {
      normal += "\\052";
    } else {
      normal += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  if (normal.empty() || normal.back() != '.') normal += '.';
  return normal;
}

// Route 53 sorts by labels from the right.
std::string SortKey(const std::string& name) {
  std::vector<std::string> labels;
  std::size_t start = 0;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', start)) {
    labels.push_back(name.substr(start, dot - start));
    start = dot + 1;
  }
  std::string key;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) key += *label + '\x01';
  return key;
}

std::string RecordKey(const std::string& zone, const std::string& name, const std::string& type,
                      const std::string& set) {
  return zone + "\n" + SortKey(name) + "\n" + type + "\n" + set;
}

std::string StripPrefix(std::string id, std::string_view prefix) {
  return StartsWith(id, prefix) ? id.substr(prefix.size()) : id;
}

std::string ZoneIdOf(const std::string& id) { return StripPrefix(id, "/hostedzone/"); }

const Json& GetZone(const Call& call, const std::string& id) {
  const Json* zone = call.txn.Find(kZones, ZoneIdOf(id));
  if (zone == nullptr)
    throw ApiError("NoSuchHostedZone", "No hosted zone found with ID: " + ZoneIdOf(id), Json::object(), 404);
  return *zone;
}

std::vector<std::pair<std::string, const Json*>> RecordsOf(const Store::Transaction& txn, std::string_view zone) {
  std::vector<std::pair<std::string, const Json*>> found;
  const std::string prefix = std::string(zone) + "\n";
  const auto& all = txn.All(kRecords);
  for (auto it = all.lower_bound(prefix); it != all.end() && StartsWith(it->first, prefix); ++it)
    found.emplace_back(it->first, &it->second);
  return found;
}

// ---- Changes

Json NewChange(Cloud& cloud, Store::Transaction& txn, const std::string& comment) {
  std::vector<std::string> old;
  for (const auto& [id, change] : txn.All(kChanges)) {
    if (change.value("SubmittedAt", 0.0) < cloud.Now() - kChangeRemembered) old.push_back(id);
  }
  for (const auto& id : old) txn.Erase(kChanges, id);
  const std::string id = "C" + cloud.random.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20);
  Json change{{"Id", "/change/" + id},
              {"SubmittedAt", cloud.Now()},
              {"_in_sync_at", cloud.DueAt(Slow::kRecordChange, kInSyncAfter)}};
  if (!comment.empty()) change["Comment"] = comment;
  txn.Put(kChanges, id, change);
  change["Status"] = "PENDING";
  return change;
}

Json GetChange(Cloud& cloud, Call& call) {
  const std::string id = StripPrefix(Text(call.input, "Id"), "/change/");
  const Json* change = call.txn.Find(kChanges, id);
  if (change == nullptr) throw ApiError("NoSuchChange", "Could not find resource with ID: " + id, Json::object(), 404);
  Json answer = *change;
  answer["Status"] = cloud.Now() < change->value("_in_sync_at", 0.0) ? "PENDING" : "INSYNC";
  return {{"ChangeInfo", std::move(answer)}};
}

// ---- Zones

Json ZoneAnswer(const Call& call, const Json& zone) {
  Json answer = zone;
  answer["Id"] = "/hostedzone/" + Text(zone, "_id");
  answer["ResourceRecordSetCount"] = RecordsOf(call.txn, Text(zone, "_id")).size();
  return answer;
}

Json NameServers() {
  return {{"NameServers",
           {"ns-2048.awsdns-64.com", "ns-2049.awsdns-65.net", "ns-2050.awsdns-66.org", "ns-2051.awsdns-67.co.uk"}}};
}

std::string PutZone(Cloud& cloud, Store::Transaction& txn, const std::string& name, const std::string& reference,
                    Json config, const Json& vpcs) {
  const std::string id = "Z" + cloud.random.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20);
  txn.Put(kZones, id,
          {{"_id", id},
           {"Name", name},
           {"CallerReference", reference},
           {"Config", std::move(config)},
           {"_vpcs", vpcs},
           {"_tags", Json::array()}});
  Json servers = Json::array();
  const Json set = NameServers();
  for (const auto& server : set["NameServers"]) servers.push_back({{"Value", server.get<std::string>() + "."}});
  txn.Put(kRecords, RecordKey(id, name, "NS", ""),
          {{"Name", name}, {"Type", "NS"}, {"TTL", 172800}, {"ResourceRecords", servers}});
  txn.Put(
      kRecords, RecordKey(id, name, "SOA", ""),
      {{"Name", name},
       {"Type", "SOA"},
       {"TTL", 900},
       {"ResourceRecords",
        Json::array({{{"Value", "ns-2048.awsdns-64.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}}})}});
  return id;
}

Json CreateHostedZone(Cloud& cloud, Call& call) {
  const std::string name = NormalName(Text(call.input, "Name"));
  const std::string reference = Text(call.input, "CallerReference");
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.\\") != std::string::npos ||
      name.find("..") != std::string::npos || name == ".") {
    throw ApiError("InvalidDomainName", Text(call.input, "Name") + " is not a valid domain name");
  }
  for (const auto& [id, zone] : call.txn.All(kZones)) {
    if (Text(zone, "CallerReference") == reference) {
      throw ApiError("HostedZoneAlreadyExists",
                     "A hosted zone has already been created with the specified caller reference.", Json::object(),
                     409);
    }
  }
  Json config = Fields(call.input, "HostedZoneConfig");
  const bool is_private = call.input.contains("VPC");
  config["PrivateZone"] = is_private;
  Json vpcs = Json::array();
  if (is_private) {
    if (call.txn.Find("ec2.vpcs", Text(call.input["VPC"], "VPCId")) == nullptr) {
      throw ApiError("InvalidVPCId", "The VPC: " + Text(call.input["VPC"], "VPCId") + " does not exist.");
    }
    vpcs.push_back(call.input["VPC"]);
  }
  const std::string id = PutZone(cloud, call.txn, name, reference, std::move(config), vpcs);
  Json output{{"HostedZone", ZoneAnswer(call, *call.txn.Find(kZones, id))},
              {"ChangeInfo", NewChange(cloud, call.txn, "")},
              {"Location", "https://route53.amazonaws.com/2013-04-01/hostedzone/" + id}};
  if (is_private) {
    output["VPC"] = call.input["VPC"];
  } else {
    output["DelegationSet"] = NameServers();
  }
  return output;
}

Json GetHostedZone(Cloud&, Call& call) {
  const Json& zone = GetZone(call, Text(call.input, "Id"));
  Json output{{"HostedZone", ZoneAnswer(call, zone)}};
  if (Flag(Fields(zone, "Config"), "PrivateZone")) {
    output["VPCs"] = zone["_vpcs"];
  } else {
    output["DelegationSet"] = NameServers();
  }
  return output;
}

// MaxItems is a string in this API.
std::int64_t MaxItems(const Call& call, std::int64_t most) {
  const std::string text = Text(call.input, "MaxItems");
  if (text.empty()) return most;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1) {
    throw ApiError("InvalidInput", "MaxItems must be a positive number");
  }
  return std::min(value, most);
}

Json ListHostedZones(Cloud&, Call& call) {
  const auto limit = MaxItems(call, 100);
  KeyedItems items;
  for (const auto& [id, zone] : call.txn.All(kZones)) items.emplace_back(id, ZoneAnswer(call, zone));
  Page page = TakePage(std::move(items), limit, Text(call.input, "Marker"), "InvalidInput");
  Json output{{"HostedZones", std::move(page.items)},
              {"Marker", Text(call.input, "Marker")},
              {"IsTruncated", !page.next.empty()},
              {"MaxItems", std::to_string(limit)}};
  if (!page.next.empty()) output["NextMarker"] = page.next;
  return output;
}

Json ListHostedZonesByName(Cloud&, Call& call) {
  const auto limit = MaxItems(call, 100);
  std::vector<std::pair<std::string, const Json*>> zones;
  for (const auto& [id, zone] : call.txn.All(kZones))
    zones.emplace_back(SortKey(Text(zone, "Name")) + "\n" + id, &zone);
  std::sort(zones.begin(), zones.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Json output{{"HostedZones", Json::array()}, {"IsTruncated", false}, {"MaxItems", std::to_string(limit)}};
  std::string from;
  if (call.input.contains("DNSName")) {
    from = SortKey(NormalName(Text(call.input, "DNSName"))) + "\n" + ZoneIdOf(Text(call.input, "HostedZoneId"));
    CopyMembers(call.input, output, {"DNSName", "HostedZoneId"});
  }
  for (const auto& [key, zone] : zones) {
    if (key < from) continue;
    if (static_cast<std::int64_t>(output["HostedZones"].size()) == limit) {
      output["IsTruncated"] = true;
      output["NextDNSName"] = Text(*zone, "Name");
      output["NextHostedZoneId"] = Text(*zone, "_id");
      break;
    }
    output["HostedZones"].push_back(ZoneAnswer(call, *zone));
  }
  return output;
}

Json GetHostedZoneCount(Cloud&, Call& call) { return {{"HostedZoneCount", call.txn.All(kZones).size()}}; }

Json UpdateHostedZoneComment(Cloud&, Call& call) {
  GetZone(call, Text(call.input, "Id"));
  Json& zone = call.txn.Edit(kZones, ZoneIdOf(Text(call.input, "Id")));
  zone["Config"]["Comment"] = Text(call.input, "Comment");
  return {{"HostedZone", ZoneAnswer(call, zone)}};
}

Json DeleteHostedZone(Cloud& cloud, Call& call) {
  const std::string id = ZoneIdOf(Text(call.input, "Id"));
  const Json& zone = GetZone(call, id);
  for (const auto& [key, record] : RecordsOf(call.txn, id)) {
    const std::string type = Text(*record, "Type");
    if (Text(*record, "Name") != Text(zone, "Name") || (type != "NS" && type != "SOA")) {
      throw ApiError("HostedZoneNotEmpty",
                     "The specified hosted zone contains non-required resource record sets and so cannot be deleted.");
    }
  }
  EraseZone(call.txn, id);
  return {{"ChangeInfo", NewChange(cloud, call.txn, "")}};
}

Json AssociateVpc(Cloud& cloud, Call& call) {
  const std::string id = ZoneIdOf(Text(call.input, "HostedZoneId"));
  if (!Flag(Fields(GetZone(call, id), "Config"), "PrivateZone")) {
    throw ApiError("PublicZoneVPCAssociation", "Public hosted zones can't be associated with a VPC.");
  }
  Json& vpcs = call.txn.Edit(kZones, id)["_vpcs"];
  if (std::find(vpcs.begin(), vpcs.end(), call.input["VPC"]) == vpcs.end()) vpcs.push_back(call.input["VPC"]);
  return {{"ChangeInfo", NewChange(cloud, call.txn, Text(call.input, "Comment"))}};
}

Json DisassociateVpc(Cloud& cloud, Call& call) {
  const std::string id = ZoneIdOf(Text(call.input, "HostedZoneId"));
  GetZone(call, id);
  Json& vpcs = call.txn.Edit(kZones, id)["_vpcs"];
  const auto found = std::find(vpcs.begin(), vpcs.end(), call.input["VPC"]);
  if (found == vpcs.end())
    throw ApiError("VPCAssociationNotFound", "The specified VPC is not associated with the hosted zone.",
                   Json::object(), 404);
  if (vpcs.size() == 1)
    throw ApiError("LastVPCAssociation", "The VPC is the last one associated with the private hosted zone.");
  vpcs.erase(found);
  return {{"ChangeInfo", NewChange(cloud, call.txn, Text(call.input, "Comment"))}};
}

// ---- Records

std::string Brackets(const std::string& name, const std::string& type, const std::string& set) {
  return "[name='" + name + "', type='" + type + "'" + (set.empty() ? "" : ", set-identifier='" + set + "'") + "]";
}

Json NormalRecord(const Json& record) {
  Json normal = record;
  normal["Name"] = NormalName(Text(record, "Name"));
  if (normal.contains("AliasTarget"))
    normal["AliasTarget"]["DNSName"] = NormalName(Text(record["AliasTarget"], "DNSName"));
  return normal;
}

bool SameValues(const Json& a, const Json& b) {
  Json left = a;
  Json right = b;
  const auto by_value = [](const Json& x, const Json& y) { return Text(x, "Value") < Text(y, "Value"); };
  for (Json* record : {&left, &right}) {
    if (record->contains("ResourceRecords"))
      std::sort((*record)["ResourceRecords"].begin(), (*record)["ResourceRecords"].end(), by_value);
  }
  return left == right;
}

void CheckRecord(const std::string& action, const Json& record) {
  const bool alias = record.contains("AliasTarget");
  const bool values = record.contains("TTL") && !Items(record, "ResourceRecords").empty();
  if (alias == values || (alias && (record.contains("TTL") || record.contains("ResourceRecords")))) {
    const std::string set = Text(record, "SetIdentifier", "null");
    throw ApiError("InvalidInput", std::string("Invalid request: Expected exactly one of [AliasTarget, all of [TTL, "
                                               "and ResourceRecords], or TrafficPolicyInstanceId], but found ") +
                                       (alias ? "more than one" : "none") + " in Change with [Action=" + action +
                                       ", Name=" + Text(record, "Name") + ", Type=" + Text(record, "Type") +
                                       ", SetIdentifier=" + set + "]");
  }
}

// Of a type that isn't answered, any value will do.
void CheckValue(const std::string& type, const std::string& value, std::vector<std::string>& faults) {
  const auto number = RecordType(type);
  if (!number || RecordData(*number, value)) return;
  const char* problem = type == "A"      ? "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
                        : type == "AAAA" ? "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
                        : type == "TXT" || type == "SPF"
                            ? "InvalidCharacterString (Value should be enclosed in quotation marks)"
                        : type == "MX"  ? "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"
                        : type == "SRV" ? "SRVRRDATANotFourFields (SRV record doesn't have 4 fields)"
                                        : "InvalidRDATA (Value is not valid for this type)";
  faults.push_back(std::string("Invalid Resource Record: 'FATAL problem: ") + problem + " encountered with '" + value +
                   "''");
}

Json ChangeRecords(Cloud& cloud, Call& call) {
  const std::string zone_id = ZoneIdOf(Text(call.input, "HostedZoneId"));
  const Json& zone = GetZone(call, zone_id);
  const std::string zone_name = Text(zone, "Name");
  const Json& batch = Fields(call.input, "ChangeBatch");
  std::vector<std::string> faults;

  // All or nothing: what is changed before a fault goes with the transaction.
  for (const auto& change : Items(batch, "Changes")) {
    const std::string action = Text(change, "Action");
    CheckRecord(action, Fields(change, "ResourceRecordSet"));
    const Json record = NormalRecord(Fields(change, "ResourceRecordSet"));
    const std::string name = Text(record, "Name");
    const std::string type = Text(record, "Type");
    const std::string set = Text(record, "SetIdentifier");
    if (name != zone_name && !name.ends_with("." + zone_name)) {
      faults.push_back("RRSet with DNS name " + name + " is not permitted in zone " + zone_name);
      continue;
    }
    for (const auto& value : Items(record, "ResourceRecords")) CheckValue(type, Text(value, "Value"), faults);
    const std::string key = RecordKey(zone_id, name, type, set);
    const Json* existing = call.txn.Find(kRecords, key);
    if (action == "DELETE") {
      if (existing == nullptr) {
        faults.push_back("Tried to delete resource record set " + Brackets(name, type, set) + " but it was not found");
      } else if (!SameValues(*existing, record)) {
        faults.push_back("Tried to delete resource record set " + Brackets(name, type, set) +
                         " but the values provided do not match the current values");
      } else if (name == zone_name && (type == "NS" || type == "SOA")) {
        faults.push_back("A HostedZone must contain at least one " + type + " record for the zone itself.");
      } else {
        call.txn.Erase(kRecords, key);
      }
      continue;
    }
    if (action == "CREATE" && existing != nullptr) {
      faults.push_back("Tried to create resource record set " + Brackets(name, type, set) + " but it already exists");
      continue;
    }
    if (type == "CNAME" && name == zone_name) {
      faults.push_back("RRSet of type CNAME with DNS name " + name + " is not permitted at apex in zone " + zone_name);
      continue;
    }
    bool conflict = false;
    for (const auto& [other_key, other] : RecordsOf(call.txn, zone_id)) {
      if (Text(*other, "Name") == name && Text(*other, "Type") != type &&
          (type == "CNAME" || Text(*other, "Type") == "CNAME"))
        conflict = true;
    }
    if (conflict) {
      faults.push_back(
          type == "CNAME"
              ? "RRSet of type CNAME with DNS name " + name +
                    " is not permitted as it conflicts with other records with the same DNS name in zone " + zone_name
              : "RRSet of type " + type + " with DNS name " + name +
                    " is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already "
                    "exists in zone " +
                    zone_name);
      continue;
    }
    call.txn.Put(kRecords, key, record);
  }
  if (!faults.empty()) {
    std::string message;
    for (const auto& fault : faults) message += (message.empty() ? "" : ", ") + fault;
    throw ApiError("InvalidChangeBatch", "[" + message + "]");
  }
  IssueValidatedCertificates(cloud, call.txn);
  return {{"ChangeInfo", NewChange(cloud, call.txn, Text(batch, "Comment"))}};
}

Json ListRecords(Cloud&, Call& call) {
  const std::string zone_id = ZoneIdOf(Text(call.input, "HostedZoneId"));
  GetZone(call, zone_id);
  const auto limit = MaxItems(call, 300);
  std::string from;
  if (call.input.contains("StartRecordName")) {
    from = RecordKey(zone_id, NormalName(Text(call.input, "StartRecordName")), Text(call.input, "StartRecordType"),
                     Text(call.input, "StartRecordIdentifier"));
  } else if (call.input.contains("StartRecordType")) {
    throw ApiError("InvalidInput", "The input is not valid: StartRecordType is given without StartRecordName");
  }
  Json output{{"ResourceRecordSets", Json::array()}, {"IsTruncated", false}, {"MaxItems", std::to_string(limit)}};
  for (const auto& [key, record] : RecordsOf(call.txn, zone_id)) {
    if (key < from) continue;
    if (static_cast<std::int64_t>(output["ResourceRecordSets"].size()) == limit) {
      output["IsTruncated"] = true;
      output["NextRecordName"] = Text(*record, "Name");
      output["NextRecordType"] = Text(*record, "Type");
      if (record->contains("SetIdentifier")) output["NextRecordIdentifier"] = (*record)["SetIdentifier"];
      break;
    }
    output["ResourceRecordSets"].push_back(*record);
  }
  return output;
}

// ---- Tags

Json& TagsOf(Call& call) {
  GetZone(call, Text(call.input, "ResourceId"));
  return call.txn.Edit(kZones, ZoneIdOf(Text(call.input, "ResourceId")))["_tags"];
}

Json ChangeTags(Cloud&, Call& call) {
  Json& tags = TagsOf(call);
  MergeTags(tags, Items(call.input, "AddTags"));
  RemoveTags(tags, Items(call.input, "RemoveTagKeys"));
  return Json::object();
}

Json ListTags(Cloud&, Call& call) {
  return {{"ResourceTagSet",
           {{"ResourceType", Text(call.input, "ResourceType")},
            {"ResourceId", ZoneIdOf(Text(call.input, "ResourceId"))},
            {"Tags", TagsOf(call)}}}};
}

}  // namespace

std::string PutPrivateZone(Cloud& cloud, Store::Transaction& txn, const std::string& name, const std::string& vpc_id,
                           const std::string& owner) {
  return PutZone(cloud, txn, NormalName(name), cloud.random.Uuid(), {{"PrivateZone", true}, {"Comment", owner}},
                 Json::array({{{"VPCRegion", cloud.settings.region}, {"VPCId", vpc_id}}}));
}

bool HasPublicCname(const Store::Transaction& txn, const std::string& name, const std::string& value) {
  for (const auto& [id, zone] : txn.All(kZones)) {
    if (Flag(Fields(zone, "Config"), "PrivateZone")) continue;
    const Json* record = txn.Find(kRecords, RecordKey(id, NormalName(name), "CNAME", ""));
    if (record == nullptr) continue;
    for (const auto& found : Items(*record, "ResourceRecords")) {
      if (NormalName(Text(found, "Value")) == NormalName(value)) return true;
    }
  }
  return false;
}

void EraseZone(Store::Transaction& txn, std::string_view zone_id) {
  std::vector<std::string> keys;
  for (const auto& [key, record] : RecordsOf(txn, zone_id)) keys.push_back(key);
  for (const auto& key : keys) txn.Erase(kRecords, key);
  txn.Erase(kZones, zone_id);
}

void RegisterRoute53(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "route53",
                   {{"AssociateVPCWithHostedZone", AssociateVpc},
                    {"ChangeResourceRecordSets", ChangeRecords},
                    {"ChangeTagsForResource", ChangeTags, Effect::kRecorded},
                    {"CreateHostedZone", CreateHostedZone},
                    {"DeleteHostedZone", DeleteHostedZone},
                    {"DisassociateVPCFromHostedZone", DisassociateVpc},
                    {"GetChange", GetChange},
                    {"GetHostedZone", GetHostedZone},
                    {"GetHostedZoneCount", GetHostedZoneCount},
                    {"ListHostedZones", ListHostedZones},
                    {"ListHostedZonesByName", ListHostedZonesByName},
                    {"ListResourceRecordSets", ListRecords},
                    {"ListTagsForResource", ListTags},
                    {"UpdateHostedZoneComment", UpdateHostedZoneComment, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud
