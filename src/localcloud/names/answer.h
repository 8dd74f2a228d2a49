// What the local cloud's names answer: a pure function of the question and the zones.
//
// Hosted zones are answered as Route 53 does: the closest zone, wildcards for what is not there (RFC 4592), aliases as
// the records that they stand for, CNAMEs followed, routing policies, NXDOMAIN and empty answers with the zone's SOA.
#pragma once

#include <optional>
#include <string_view>

#include "base/random.h"
#include "localcloud/names/zones.h"
#include "net/dns_message.h"

namespace adhoc::localcloud {

struct Answered {
  // Code and records; the rest is its sender's.
  net::DnsMessage reply;
  bool is_referral = false;  // to the name servers of a delegated name
  // A CNAME, or a delegation, led to a name that is not known here: its records are to be added.
  std::optional<net::DnsName> elsewhere;
};

// `vpc`: who asks. Its private zones go before public ones, which go on to the next nearest. Empty: this machine, which
// is shown every zone, public ones first, and doesn't go on to names that are not known here. Nothing when the name is
// none of the local cloud's.
std::optional<Answered> AnswerQuestion(const net::DnsQuestion& question, const Zones& zones, std::string_view vpc,
                                       Random& random);

}  // namespace adhoc::localcloud
