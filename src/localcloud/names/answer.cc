#include "localcloud/names/answer.h"

#include <algorithm>
#include <utility>

#include "localcloud/names/record_data.h"

namespace adhoc::localcloud {
namespace {

using net::DnsName;
using net::DnsRecord;

constexpr int kMostLinks = 10;  // of CNAMEs, and of aliases
constexpr std::size_t kMostMultivalues = 8;
constexpr std::uint32_t kHostTtl = 60;
constexpr const char* kWildcard = "*";

using RecordSets = std::vector<RecordSet>;

// The sets at a name, or at the wildcard that stands for it; nullptr when there is no such name.
const RecordSets* FindName(const Zone& zone, DnsName name) {
  const auto exact = zone.names.find(net::DnsKey(name));
  if (exact != zone.names.end()) return &exact->second;
  while (name.size() > zone.name.size()) {
    name.erase(name.begin());
    if (!zone.names.contains(net::DnsKey(name))) continue;
    // The closest name that is there; only a wildcard right below it counts.
    name.insert(name.begin(), kWildcard);
    const auto wildcard = zone.names.find(net::DnsKey(name));
    return wildcard == zone.names.end() ? nullptr : &wildcard->second;
  }
  return nullptr;
}

const Zone* FindZone(const Zones& zones, const DnsName& name, std::string_view vpc) {
  const auto rank = [&](const Zone& zone) {
    const std::size_t nearness = zone.name.size();
    if (!vpc.empty()) return std::tuple(zone.is_private ? std::size_t{1} : 0, nearness, false);
    return std::tuple(nearness, FindName(zone, name) != nullptr ? std::size_t{1} : 0, !zone.is_private);
  };
  const Zone* best = nullptr;
  for (const Zone& zone : zones.zones) {
    if (!net::IsAtOrBelow(name, zone.name)) continue;
    if (zone.is_private && !vpc.empty() && !zone.vpcs.contains(std::string(vpc))) continue;
    if (best == nullptr || rank(*best) < rank(zone)) best = &zone;
  }
  return best;
}

class Resolution {
 public:
  Resolution(const Zones& zones, std::string_view vpc, Random& random) : zones_(zones), vpc_(vpc), random_(random) {}

  // False when the name is none of ours.
  bool Resolve(DnsName name, std::uint16_t type) {
    for (int links = 0; links < kMostLinks; ++links) {
      const Zone* zone = FindZone(zones_, name, vpc_);
      if (zone == nullptr) {
        if (ResolveHost(name, type)) return true;
        if (links == 0) return false;
        if (!vpc_.empty()) answered_.elsewhere = name;
        return true;
      }
      if (const auto* delegated = FindDelegation(*zone, name)) {
        return Refer(*delegated, name), true;
      }
      const RecordSets* sets = FindName(*zone, name);
      if (sets == nullptr) {
        answered_.reply.code = net::kDnsNoSuchName;
        return AddSoa(*zone), true;
      }
      const auto cname = Collect(*zone, *sets, net::kDnsCname, 0);
      if (cname.empty() || type == net::kDnsCname || type == net::kDnsAny) {
        return AddAll(*zone, *sets, name, type), true;
      }
      Add(answered_.reply.answers, name, net::kDnsCname, cname.front());
      name = net::ParseDnsNameData(cname.front().data).value_or(DnsName());
    }
    answered_.reply.code = net::kDnsServerFailure;
    return true;
  }

  Answered Take() { return std::move(answered_); }

 private:
  struct Value {
    std::uint32_t ttl = 0;
    std::string data;
  };

  static void Add(std::vector<DnsRecord>& section, const DnsName& name, std::uint16_t type, const Value& value) {
    section.push_back({.name = name, .type = type, .ttl = value.ttl, .data = value.data});
  }

  void AddAll(const Zone& zone, const RecordSets& sets, const DnsName& name, std::uint16_t type) {
    std::set<std::uint16_t> types = {type};
    if (type == net::kDnsAny) {
      types.clear();
      for (const RecordSet& set : sets) types.insert(set.type);
    }
    bool is_empty = true;
    for (const std::uint16_t one : types) {
      for (const Value& value : Collect(zone, sets, one, 0)) {
        Add(answered_.reply.answers, name, one, value);
        is_empty = false;
      }
    }
    if (is_empty) AddSoa(zone);
  }

  // So that it is remembered for how long there is nothing (RFC 2308).
  void AddSoa(const Zone& zone) {
    const auto apex = zone.names.find(net::DnsKey(zone.name));
    if (apex == zone.names.end()) return;
    for (Value value : Collect(zone, apex->second, net::kDnsSoa, 0)) {
      std::uint32_t minimum = 0;
      for (const char byte : std::string_view(value.data).substr(value.data.size() - 4)) {
        minimum = minimum << 8 | static_cast<unsigned char>(byte);
      }
      value.ttl = std::min(value.ttl, minimum);
      Add(answered_.reply.authorities, zone.name, net::kDnsSoa, value);
    }
  }

  // The name at which a zone gives what is at and below it to other servers.
  static const RecordSet* FindNs(const RecordSets& sets) {
    const auto found =
        std::find_if(sets.begin(), sets.end(), [](const RecordSet& set) { return set.type == net::kDnsNs; });
    return found == sets.end() ? nullptr : &*found;
  }
  const RecordSet* FindDelegation(const Zone& zone, DnsName name) {
    const RecordSet* highest = nullptr;
    for (; name.size() > zone.name.size(); name.erase(name.begin())) {
      const auto found = zone.names.find(net::DnsKey(name));
      const RecordSet* set = found == zone.names.end() ? nullptr : FindNs(found->second);
      if (set == nullptr) continue;
      highest = set;
      delegated_name_ = name;
    }
    return highest;
  }
  void Refer(const RecordSet& servers, const DnsName& name) {
    if (!vpc_.empty()) {
      answered_.elsewhere = name;
      return;
    }
    answered_.is_referral = true;
    for (const auto& data : servers.data) {
      Add(answered_.reply.authorities, delegated_name_, net::kDnsNs, {servers.ttl, data});
    }
  }

  bool ResolveHost(const DnsName& name, std::uint16_t type) {
    const std::string key = net::DnsKey(name);
    if (const auto reverse = zones_.reverse.find(key); reverse != zones_.reverse.end()) {
      if (type == net::kDnsPtr) {
        Add(answered_.reply.answers, name, type, {kHostTtl, net::DnsNameData(reverse->second)});
      }
      return true;
    }
    if (!zones_.hosts.contains(key)) return false;
    for (const Value& value : HostValues(key, type)) Add(answered_.reply.answers, name, type, value);
    return true;
  }

  std::vector<Value> HostValues(const std::string& key, std::uint16_t type) {
    const auto host = zones_.hosts.find(key);
    if (host == zones_.hosts.end() || type != net::kDnsA) return {};
    const auto data = RecordData(type, vpc_.empty() ? host->second.outside : host->second.inside);
    return data ? std::vector<Value>{{kHostTtl, *data}} : std::vector<Value>();
  }

  // The values of a type in the sets of one name, aliases followed.
  std::vector<Value> Collect(const Zone& zone, const RecordSets& sets, std::uint16_t type, int links) {
    std::vector<Value> values;
    for (const RecordSet* set : Choose(sets, type)) {
      for (const auto& data : set->data) values.push_back({set->ttl, data});
      if (set->alias.empty() || links == kMostLinks) continue;
      std::vector<Value> found = HostValues(net::DnsKey(set->alias), type);
      if (found.empty() && net::IsAtOrBelow(set->alias, zone.name)) {
        if (const RecordSets* target = FindName(zone, set->alias)) found = Collect(zone, *target, type, links + 1);
      }
      values.insert(values.end(), found.begin(), found.end());
    }
    Shuffle(values);
    return values;
  }

  // Those that the routing policy picks.
  std::vector<const RecordSet*> Choose(const RecordSets& sets, std::uint16_t type) {
    std::vector<const RecordSet*> found;
    for (const RecordSet& set : sets) {
      if (set.type == type) found.push_back(&set);
    }
    if (found.empty()) return found;
    const auto preferred =
        std::find_if(found.begin(), found.end(), [](const RecordSet* set) { return set->preferred; });
    switch (found.front()->policy) {
      case RoutingPolicy::kSimple:
        break;
      case RoutingPolicy::kMultivalue:
        Shuffle(found);
        if (found.size() > kMostMultivalues) found.resize(kMostMultivalues);
        break;
      case RoutingPolicy::kWeighted:
        return {PickWeighted(found)};
      case RoutingPolicy::kFailover:
      case RoutingPolicy::kLatency:
        return {preferred == found.end() ? found.front() : *preferred};
      case RoutingPolicy::kGeolocation:  // this machine is nowhere
        if (preferred == found.end()) return {};
        return {*preferred};
    }
    return found;
  }

  const RecordSet* PickWeighted(const std::vector<const RecordSet*>& sets) {
    std::uint64_t total = 0;
    for (const RecordSet* set : sets) total += static_cast<std::uint64_t>(set->weight);
    if (total == 0) return sets[random_.Next() % sets.size()];
    std::uint64_t at = random_.Next() % total;
    for (const RecordSet* set : sets) {
      if (at < static_cast<std::uint64_t>(set->weight)) return set;
      at -= static_cast<std::uint64_t>(set->weight);
    }
    return sets.back();
  }

  template <typename Item>
  void Shuffle(std::vector<Item>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random_.Next() % i]);
  }

  const Zones& zones_;
  const std::string_view vpc_;
  Random& random_;
  DnsName delegated_name_;
  Answered answered_;
};

}  // namespace

std::optional<Answered> AnswerQuestion(const net::DnsQuestion& question, const Zones& zones, std::string_view vpc,
                                       Random& random) {
  Resolution resolution(zones, vpc, random);
  if (!resolution.Resolve(question.name, question.type)) return std::nullopt;
  return resolution.Take();
}

}  // namespace adhoc::localcloud
