#include "localcloud/names/name_server.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "localcloud/names/answer.h"

namespace adhoc::localcloud {
namespace {

using net::DnsMessage;
using net::DnsVerdict;

constexpr std::size_t kPlainDatagram = 512;  // what a client takes that doesn't say (RFC 1035)
constexpr std::uint16_t kLargestDatagram = 4096;
constexpr std::size_t kLargestMessage = 65535;
constexpr std::size_t kHeaderBytes = 12;

DnsVerdict Reply(std::string bytes) { return {.reply = std::move(bytes), .question = "", .finish = nullptr}; }

DnsMessage ReplyTo(const DnsMessage& query) {
  DnsMessage reply{.id = query.id,
                   .is_response = true,
                   .opcode = query.opcode,
                   .recursion_desired = query.recursion_desired,
                   .questions = query.questions};
  if (query.edns) reply.edns = net::DnsEdns{.udp_size = kLargestDatagram, .dnssec_ok = query.edns->dnssec_ok};
  return reply;
}

std::size_t LimitOf(const DnsMessage& query, bool over_tcp) {
  if (over_tcp) return kLargestMessage;
  if (!query.edns) return kPlainDatagram;
  return std::clamp<std::size_t>(query.edns->udp_size, kPlainDatagram, kLargestDatagram);
}

// What is no query that is answered at all.
std::optional<int> Fault(const DnsMessage& query) {
  if (query.opcode != 0) return net::kDnsNotImplemented;
  if (query.edns && query.edns->version != 0) return net::kDnsBadVersion;
  if (query.questions.size() != 1) return net::kDnsFormatError;
  const auto& question = query.questions.front();
  if (question.net_class != net::kDnsInternet || question.type == net::kDnsAxfr) return net::kDnsRefused;
  return std::nullopt;
}

// Of a message that can't be read, the id can.
std::string FormatError(const std::string& bytes) {
  DnsMessage reply{.is_response = true, .code = net::kDnsFormatError};
  reply.id =
      static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]));
  return net::EncodeDns(reply);
}

// The rest of an answer whose CNAME led out of the local cloud.
DnsVerdict AskForTheRest(DnsMessage reply, const net::DnsName& name, std::size_t limit, Random& random) {
  DnsMessage query{.id = static_cast<std::uint16_t>(random.Next()), .recursion_desired = true};
  query.questions = {{.name = name, .type = reply.questions.front().type}};
  query.edns = net::DnsEdns{.udp_size = kLargestDatagram};
  return {.reply = "",
          .question = net::EncodeDns(query),
          .finish = [reply = std::move(reply), limit](std::string_view bytes) mutable {
            const auto rest = net::DecodeDns(bytes);
            reply.code = rest ? rest->code : net::kDnsServerFailure;
            if (rest) {
              reply.answers.insert(reply.answers.end(), rest->answers.begin(), rest->answers.end());
              reply.authorities = rest->authorities;
              reply.truncated = rest->truncated;
            }
            return net::EncodeDns(reply, limit);
          }};
}

}  // namespace

DnsVerdict DecideQuery(const net::DnsQuery& query, const Zones& zones, const std::string& vpc, Random& random) {
  const bool is_response = query.bytes.size() > 2 && (query.bytes[2] & 0x80) != 0;
  if (query.bytes.size() < kHeaderBytes || is_response) return {};
  const auto message = net::DecodeDns(query.bytes);
  if (!message) return Reply(FormatError(query.bytes));
  const std::size_t limit = LimitOf(*message, query.over_tcp);
  DnsMessage reply = ReplyTo(*message);
  const auto refuse = [&](int code) {
    reply.code = code;
    return Reply(net::EncodeDns(reply, limit));
  };
  if (const auto fault = Fault(*message)) return refuse(*fault);

  auto answered = AnswerQuestion(message->questions.front(), zones, vpc, random);
  reply.recursion_available = !vpc.empty();
  if (!answered) {
    if (vpc.empty()) return refuse(net::kDnsRefused);
    reply.code = net::kDnsServerFailure;
    return {.reply = "",
            .question = query.bytes,
            .finish = [failed = net::EncodeDns(reply, limit)](std::string_view answer) {
              return answer.empty() ? failed : std::string(answer);
            }};
  }
  reply.code = answered->reply.code;
  reply.authoritative = vpc.empty() && !answered->is_referral;
  reply.answers = std::move(answered->reply.answers);
  reply.authorities = std::move(answered->reply.authorities);
  if (answered->elsewhere) return AskForTheRest(std::move(reply), *answered->elsewhere, limit, random);
  return Reply(net::EncodeDns(reply, limit));
}

NameServer::NameServer(Cloud& cloud)
    : cloud_(cloud), subscription_(cloud.store.Subscribe([known = known_](const Changes& changed) {
        const bool ours =
            std::any_of(changed.begin(), changed.end(), [](const auto& one) { return IsOfZones(one.first); });
        if (ours) known->lock()->reset();
      })) {}

DnsVerdict NameServer::Handle(const net::DnsQuery& query) {
  try {
    std::shared_ptr<const Zones> zones;
    {
      auto known = known_->lock();
      if (*known == nullptr) *known = std::make_shared<const Zones>(ReadZones(*cloud_.store.Begin(), cloud_.settings));
      zones = *known;
    }
    const auto vpc = zones->gateways.find(query.local_ip);
    return DecideQuery(query, *zones, vpc == zones->gateways.end() ? "" : vpc->second, cloud_.random);
  } catch (const std::exception& error) {
    spdlog::error("a DNS query is not answered: {}", error.what());
    return {};
  }
}

}  // namespace adhoc::localcloud
