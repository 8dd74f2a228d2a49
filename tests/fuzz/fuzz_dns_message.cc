// Any bytes: a DNS message is refused, or means the same after it was written again; what is cut to a datagram fits and
// can be read; the text of a name is the name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace adhoc::net;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = DecodeDns(bytes);
  if (!message) return 0;
  const auto again = DecodeDns(EncodeDns(*message));
  if (!again || (!again->truncated && again != message)) std::abort();
  // Only questions and OPT are always there.
  std::size_t least = 12 + 11;
  for (const auto& question : message->questions) least += DnsNameData(question.name).size() + 4;
  const std::string datagram = EncodeDns(*message, least + 40);
  if (datagram.size() > least + 40 || !DecodeDns(datagram)) std::abort();
  for (const auto& record : message->answers) {
    if (const auto name = ParseDnsName(DnsKey(record.name)); !name || !EqualDnsNames(*name, record.name)) std::abort();
  }
  return 0;
}
