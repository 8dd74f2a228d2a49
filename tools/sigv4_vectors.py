#!/usr/bin/python3
"""Writes src/aws/sign/sigv4_vectors.json: requests, and what botocore's signer makes of them.

botocore (Debian's python3-botocore, Apache-2.0) is the independent implementation that the C++ signer is compared with. The
cases cover what AWS's own signing test suite covers (header order, duplicates, folding and trimming; path normalization;
query order and encoding; session tokens; bodies; presigned URLs) and what it leaves out (S3, ports, other regions).
Run again after adding a case:  /usr/bin/python3 tools/sigv4_vectors.py > src/aws/sign/sigv4_vectors.json
"""
import hashlib
import json

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# The example key pair of AWS's documentation.
ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "token/with+every=kind&of character"
HOST = "api.example.com"


def case(name, method="GET", target="/", headers=(), body="", service="ecs", region="us-east-1", time="20240229T235959Z",
         host=HOST, token="", expires=0):
    return dict(name=name, method=method, target=target, headers=[["Host", host], *map(list, headers)], body=body,
                service=service, region=region, time=time, token=token, expires=expires)


JSON_HEADERS = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters")]
FORM = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]

CASES = [
    case("get"),
    case("post", "POST"),
    case("head", "HEAD", "/thing"),
    case("delete", "DELETE", "/thing"),
    case("first second of a year", time="20250101T000000Z"),
    case("another region and service", service="route53", region="eu-central-1"),
    case("host with a port", host="localhost:4566"),
    case("ipv6 host with a port", host="[::1]:4566"),
    case("session token", token=TOKEN),
    case("session token and body", "POST", headers=JSON_HEADERS, body="{}", token=TOKEN),
    case("json body", "POST", headers=JSON_HEADERS, body='{"maxResults":10}'),
    case("form body", "POST", headers=FORM, body="Action=DescribeRules&Version=2015-12-01&RuleArns.member.1=a%2Fb"),
    case("utf-8 body", "PUT", body="größer ✓"),
    case("header value keeps its case", headers=[("X-Thing", "VALUE value")]),
    case("header name loses its case", headers=[("X-THING", "v")]),
    case("headers are sorted by name", headers=[("Zebra", "z"), ("apple", "a"), ("Mango", "m")]),
    case("one header name is a prefix of another", headers=[("X-A-B", "2"), ("X-A", "1"), ("X-A1", "3")]),
    case("spaces around a value", headers=[("X-Thing", "   v   ")]),
    case("spaces inside a value", headers=[("X-Thing", "a   b \t c")]),
    case("quoted spaces collapse too", headers=[("X-Thing", '  "a   b  c"')]),
    case("folded value", headers=[("X-Thing", "one\n  two\n     three")]),
    case("empty value", headers=[("X-Thing", "")]),
    case("duplicates are joined in order", headers=[("X-Thing", "v4"), ("X-Thing", "v1"), ("X-Thing", "v3")]),
    case("unsigned headers", headers=[("User-Agent", "adhoc"), ("Expect", "100-continue"), ("X-Amzn-Trace-Id", "Root=1")]),
    case("path", target="/2013-04-01/hostedzone/Z1/rrset"),
    case("path with a slash at its end", target="/a/b/"),
    case("path of dots", target="/."),
    case("path with a dot inside", target="/a/./b"),
    case("path with a dot at its end", target="/a/."),
    case("path that goes up", target="/a/../b"),
    case("path that goes up to the root", target="/a/.."),
    case("path that goes up twice", target="/a/b/../.."),
    case("path that goes above the root", target="/../../a"),
    case("path of slashes", target="//"),
    case("path with double slashes", target="//a//b//"),
    case("path with an encoded space", target="/a%20b/"),
    case("path with an encoded slash", target="/tags/arn%3Aaws%3Aecs%3Aus-east-1%3A1%3Acluster%2Fc"),
    case("path of unreserved characters", target="/-._~0123456789ABCxyz"),
    case("path with encoded utf-8", target="/%E1%88%B4"),
    case("path with other characters", target="/a:b@c$d,e;f!g*h'(i)"),
    case("query", target="/?Action=ListUsers&Version=2010-05-08"),
    case("query key without a value", target="/?policy"),
    case("query key with an empty value", target="/?policy="),
    case("query is sorted by key", target="/?b=2&a=1&c=3"),
    case("query capitals sort first", target="/?a=1&B=2&A=3&b=4"),
    case("query same key is sorted by value", target="/?a=2&a=10&a=1"),
    case("query order is of the encoded form", target="/?a-=1&a=2&a%40=3"),
    case("query encoded characters", target="/?k=%20%2F%2B%3D%26%3F%E1%88%B4"),
    case("query unreserved characters", target="/?-._~09AZaz=-._~09AZaz"),
    case("query with path", target="/a/../b/?x=1&y="),
    case("s3 get", target="/bucket/key", service="s3"),
    case("s3 put", "PUT", "/bucket/key", body="hello", service="s3", headers=[("Content-Type", "text/plain")]),
    case("s3 path is signed as sent", target="/bucket/a/../b//./c%20d%2Be", service="s3"),
    case("s3 subresource", target="/bucket?uploads", service="s3"),
    case("s3 list", target="/bucket?list-type=2&prefix=a%2Fb&delimiter=%2F", service="s3"),
    case("s3 token", target="/bucket/key", service="s3", token=TOKEN),
    case("s3 unsigned payload", "PUT", "/bucket/key", body="x", service="s3",
         headers=[("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")]),
    case("presigned get", service="sts", target="/?Action=GetCallerIdentity&Version=2011-06-15", expires=60),
    case("presigned path", target="/a%20b/../c", expires=3600),
    case("presigned header", headers=[("X-K8s-Aws-Id", "cluster")], service="sts", expires=60),
    case("presigned token", token=TOKEN, expires=3600),
    case("presigned post", "POST", expires=3600),
    case("presigned s3 get", target="/bucket/a%20b/../c", service="s3", expires=604800),
    case("presigned s3 put", "PUT", "/bucket/key", service="s3", expires=900),
    case("presigned s3 query", target="/bucket/key?versionId=a%2Bb", service="s3", expires=900),
    case("presigned s3 token", target="/bucket/key", service="s3", token=TOKEN, expires=1, host="localhost:4566"),
]


def sign(vector):
    credentials = Credentials(ACCESS_KEY, SECRET_KEY, vector["token"] or None)
    s3 = vector["service"] == "s3"
    if vector["expires"]:
        kind = S3SigV4QueryAuth if s3 else SigV4QueryAuth
        auth = kind(credentials, vector["service"], vector["region"], expires=vector["expires"])
    else:
        auth = (S3SigV4Auth if s3 else SigV4Auth)(credentials, vector["service"], vector["region"])
    host = vector["headers"][0][1]
    request = AWSRequest(vector["method"], "http://" + host + vector["target"], data=vector["body"].encode())
    for name, value in vector["headers"]:
        request.headers.add_header(name, value)
    request.context["timestamp"] = vector["time"]
    # botocore hashes every body; UNSIGNED-PAYLOAD is a setting of the client's.
    if ["X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"] in vector["headers"]:
        del request.headers["X-Amz-Content-SHA256"]
        request.context["payload_signing_enabled"] = False
        request.url = request.url.replace("http://", "https://")
        request.context["client_config"] = type("Config", (), {"s3": {"payload_signing_enabled": False}})()
        request.context["has_streaming_input"] = True
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    return dict(canonical_sha256=hashlib.sha256(canonical.encode()).hexdigest(), signature=signature)


def main():
    lines = [json.dumps({**vector, **sign(vector)}, ensure_ascii=False) for vector in CASES]
    about = "Written by tools/sigv4_vectors.py with botocore (Apache-2.0)"
    print(json.dumps(dict(about=about, access_key=ACCESS_KEY, secret_key=SECRET_KEY))[:-1] + ', "cases": [')
    print(",\n".join(lines))
    print("]}")


if __name__ == "__main__":
    main()
