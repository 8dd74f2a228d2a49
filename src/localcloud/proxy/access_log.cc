#include "localcloud/proxy/access_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "aws/codec/values.h"
#include "aws/sign/sigv4.h"
#include "base/error.h"

namespace adhoc::localcloud::proxy {
namespace {

using Fields = std::map<std::string, std::string, std::less<>>;

// `name=value` words; HAProxy writes '-' for what there isn't.
Fields Parse(std::string_view line) {
  Fields fields;
  while (!line.empty()) {
    const auto space = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, space);
    line.remove_prefix(std::min(space + 1, line.size()));
    const auto equals = word.find('=');
    if (equals == std::string_view::npos || word.substr(equals + 1) == "-") continue;
    fields.emplace(word.substr(0, equals), word.substr(equals + 1));
  }
  return fields;
}

class Line {
 public:
  explicit Line(std::string_view line) : fields_(Parse(line)) {}
  std::string Text(std::string_view name, std::string_view otherwise = "-") const {
    const auto found = fields_.find(name);
    return found == fields_.end() || found->second.empty() ? std::string(otherwise) : found->second;
  }
  // Of what comes in base64.
  std::string Decoded(std::string_view name, std::string_view otherwise = "-") const {
    const auto found = fields_.find(name);
    if (found == fields_.end()) return std::string(otherwise);
    try {
      return aws::Base64Decode(found->second);
    } catch (const aws::CodecError&) {
      return std::string(otherwise);  // a line that was cut off
    }
  }
  long long Number(std::string_view name) const { return std::atoll(Text(name, "0").c_str()); }

 private:
  Fields fields_;
};

// In quotes, with nothing in it that could end them.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      quoted += fmt::format("\\x{:02X}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string Iso(long long microseconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(static_cast<std::time_t>(microseconds / 1000000)),
                     microseconds % 1000000);
}

std::string Seconds(long long milliseconds) { return fmt::format("{:.3f}", static_cast<double>(milliseconds) / 1000); }

// What a request is called in the log's first field.
std::string TypeOf(const Line& line, bool tls) {
  if (line.Text("status") == "101") return tls ? "wss" : "ws";
  if (line.Text("version").starts_with("HTTP/2")) return "h2";
  return tls ? "https" : "http";
}

// What the client sent first: the address is the one it asked for.
std::string RequestLine(const Line& line, const AccessLogContext& context, bool tls, long long port) {
  std::string host = line.Decoded("host", context.dns_name);
  if (const auto colon = host.rfind(':'); colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    host.resize(colon);
  }
  const std::string address = fmt::format("{}://{}:{}", tls ? "https" : "http", host, port);
  const std::string url = line.Decoded("url", "");
  if (url.empty()) return fmt::format("- {}- -", address);
  return fmt::format("{} {} {}", line.Text("method"), url.starts_with('/') ? address + url : url, line.Text("version"));
}

// The status of the answer; 460 when the client did not wait for one.
std::string StatusOf(const Line& line) {
  // HAProxy says who ended it, and when: Client, while the request waited, connected, or had been sent.
  const std::string state = line.Text("state", "--");
  if (state == "CQ" || state == "CC" || state == "CH") return "460";
  return line.Number("status") <= 0 ? "-" : line.Text("status");
}

}  // namespace

std::string AccessLogRing(const std::string& socket) {
  return fmt::format(
      "\n"
      "ring access\n"
      "  format raw\n"
      "  maxlen 65000\n"
      "  size 16777216\n"
      "  timeout connect 5s\n"
      "  timeout server 10s\n"
      "  server collector unix@{}\n",
      socket);
}

std::string AccessLogRules(bool tls, int port) {
  return fmt::format(
      "  log ring@access len 65000 format raw local0 info\n"
      "  log-format \"end=%[date(0,us)] begin=%[var(txn.created)] tls={} port={} client=%ci:%cp target=%si:%sp "
      "received=%TR queued=%Tw connected=%Tc answered=%Tr status=%ST target_status=%[var(txn.target_status)] in=%U "
      "out=%B state=%ts version=%HV method=%HM url=%[var(txn.url),base64] host=%[var(txn.host),base64] "
      "agent=%[var(txn.agent),base64] trace=%[var(txn.trace),base64] rule=%[var(txn.rule)] backend=%b "
      "location=%[var(txn.location),base64] cipher=%sslc protocol=%sslv name=%[ssl_fc_sni,base64] "
      "certificate=%[ssl_f_sha1,hex]\"\n"
      "  http-request set-var(txn.created) date(0,us)\n"
      "  http-request set-var(txn.url) url\n"
      "  http-request set-var(txn.host) req.hdr(host)\n"
      "  http-request set-var(txn.agent) req.fhdr(user-agent),bytes(0,8192)\n",
      tls ? 1 : 0, port);
}

std::string AccessLogEntry(std::string_view text, const AccessLogContext& context) {
  const Line line(text);
  const bool tls = line.Text("tls") == "1";
  const std::string rule = line.Text("rule", "");
  const std::string backend = rule.empty() ? "" : line.Text("backend", "");
  const auto group = context.target_groups.find(backend);
  const std::string location = line.Decoded("location");
  std::string action = "-";
  if (!rule.empty()) {
    action = backend.starts_with("tg-") ? "forward" : location != "-" ? "redirect" : "fixed-response";
  }
  const std::string target = line.Text("target").starts_with("-") ? "-" : line.Text("target");
  const std::string target_status = line.Text("target_status");
  std::string times = "-1 -1 -1";
  if (target_status != "-") {
    times = fmt::format("{} {} 0.000", Seconds(std::max(0LL, line.Number("queued") + line.Number("connected"))),
                        Seconds(std::max(0LL, line.Number("answered"))));
  }
  const std::string name = line.Decoded("name");
  const auto certificate = context.certificates.find(line.Text("certificate"));
  const long long end = line.Number("end");
  const long long begin = line.Text("begin") == "-" ? end : line.Number("begin");
  const std::string connection = aws::Sha256Hex(context.load_balancer + " " + line.Text("client")).substr(0, 32);

  const std::vector<std::string> fields = {
      TypeOf(line, tls),
      Iso(end),
      context.load_balancer,
      line.Text("client"),
      target,
      times,
      StatusOf(line),
      target_status,
      line.Text("in", "0"),
      line.Text("out", "0"),
      Quoted(RequestLine(line, context, tls, line.Number("port"))),
      Quoted(line.Decoded("agent")),
      line.Text("cipher"),
      line.Text("protocol"),
      group == context.target_groups.end() ? "-" : group->second,
      Quoted(line.Decoded("trace")),
      Quoted(name),
      Quoted(certificate == context.certificates.end() ? "-" : certificate->second),
      rule.empty()        ? "-"
      : rule == "default" ? "0"
                          : rule,
      Iso(begin),
      Quoted(action),
      Quoted(location),
      "\"-\"",  // error_reason: of Lambda functions
      Quoted(target),
      Quoted(target_status),
      "\"-\"",  // classification and its reason: nothing is found fault with
      "\"-\"",
      "TID_" + connection,
      "\"-\"",  // transformed host and URI, and how that went
      "\"-\"",
      "\"-\"",
  };
  return fmt::format("{}", fmt::join(fields, " "));
}

std::string AccessLogKey(const AccessLogPlace& place, const std::string& load_balancer, TimePoint end,
                         const std::string& ip, const std::string& random) {
  std::string name = load_balancer;
  std::replace(name.begin(), name.end(), '/', '.');
  const std::tm time = fmt::gmtime(std::chrono::system_clock::to_time_t(end));
  return fmt::format(
      "{0}{1}AWSLogs/{2}/elasticloadbalancing/{3}/{4:%Y/%m/%d}/"
      "{2}_elasticloadbalancing_{3}_{5}_{4:%Y%m%dT%H%MZ}_{6}_{7}.log.gz",
      place.prefix, place.prefix.empty() ? "" : "/", place.account, place.region, time, name, ip, random);
}

std::string Gzip(std::string_view text) {
  z_stream stream{};
  // 16 on top of the window's bits: with gzip's header and trailer.
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error("cannot compress: zlib does not start");
  }
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw Error(fmt::format("cannot compress: zlib answers {}", result));
  return packed;
}

}  // namespace adhoc::localcloud::proxy
