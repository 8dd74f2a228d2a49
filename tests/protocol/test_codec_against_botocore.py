"""Our codec judged by botocore's: the same documents must give the same messages, and each must read the other's.

Needs Debian's python3-botocore (the one whose models are embedded) and a build; ADHOC_CODEC_TOOL names the program when it
is not in build/ or build-dev/. The models are botocore's with our overlay, so newer members are judged too.
"""

import base64
import datetime
import json
import os
import pathlib
import subprocess
import sys
import urllib.parse
from xml.etree import ElementTree

import pytest

botocore = pytest.importorskip("botocore")
import botocore.awsrequest  # noqa: E402
import botocore.model  # noqa: E402
import botocore.parsers  # noqa: E402
import botocore.serialize  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import embed_models  # noqa: E402

DOCUMENTS_PER_OPERATION = int(os.environ.get("ADHOC_CODEC_DOCUMENTS", "3"))
OVERLAY = json.loads((ROOT / "models" / "overlay.json").read_text(encoding="utf-8"))
SERVICES = list(embed_models.read_operations(ROOT / "models" / "operations.txt"))


def find_tool():
    """ADHOC_CODEC_TOOL, or the newest of the usual build directories."""
    if os.environ.get("ADHOC_CODEC_TOOL"):
        return os.environ["ADHOC_CODEC_TOOL"]
    built = [ROOT / build / "src" / "aws" / "adhoc_codec_tool" for build in ("build", "build-dev")]
    built = [path for path in built if os.access(path, os.X_OK)]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, do, **order):
        self.process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, (answer["error"], do, order)
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture(scope="module")
def tool():
    path = find_tool()
    if path is None:
        pytest.skip("adhoc_codec_tool is not built")
    instance = Tool(path)
    yield instance
    instance.close()


@pytest.fixture(scope="module", params=SERVICES)
def service(request):
    name = request.param
    model = embed_models.load(embed_models.Loader(), name, "service-2")
    embed_models.apply_overlay(model, OVERLAY.get(name, {}))
    return botocore.model.ServiceModel(model, service_name=name)


def from_document(shape, value):
    """A document of the tool as botocore has it: bytes and datetimes."""
    if shape.type_name == "structure":
        return {name: from_document(shape.members[name], item) for name, item in value.items()}
    if shape.type_name == "list":
        return [from_document(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: from_document(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64decode(value)
    if shape.type_name == "timestamp":
        return datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(seconds=value)
    return value


def same(shape, ours, theirs, path=""):
    """Compares a document of ours, in botocore's types, with what botocore read."""
    if shape.type_name == "structure":
        assert set(ours) == set(theirs), f"{path}: {set(ours) ^ set(theirs)}"
        for name, value in ours.items():
            same(shape.members[name], value, theirs[name], f"{path}.{name}")
    elif shape.type_name == "list":
        assert len(ours) == len(theirs), path
        for index, value in enumerate(ours):
            same(shape.member, value, theirs[index], f"{path}[{index}]")
    elif shape.type_name == "map":
        assert set(ours) == set(theirs), path
        for key, value in ours.items():
            same(shape.value, value, theirs[key], f"{path}.{key}")
    elif shape.type_name == "timestamp":
        assert abs((ours - theirs).total_seconds()) < 2e-6, path
    elif shape.type_name == "blob" and hasattr(theirs, "encode"):
        assert ours == theirs.encode(), path  # botocore hands out payloads as text when it can
    else:
        assert ours == theirs, path


def canonical(text):
    """Numbers and booleans in one spelling."""
    if text in ("True", "False"):
        return text.lower()
    try:
        return repr(float(text))
    except ValueError:
        pass
    try:
        # Ours has milliseconds where botocore has microseconds.
        return str(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return text


def xml_form(node):
    """A tree that compares without regard to the order of members, in which botocore follows the caller."""
    children = [xml_form(child) for child in node]
    tags = sorted({child[0] for child in children})
    ordered = [child for tag in tags for child in children if child[0] == tag]
    # A reader makes a bare carriage return, which botocore writes, a line feed.
    return (node.tag, sorted(node.attrib.items()), canonical((node.text or "").replace("\r\n", "\n").replace("\r", "\n")), ordered)


def headers_of(message):
    return {name.lower(): canonical(value) for name, value in message["headers"]}


def documents(tool, service, operation, request, whole_seconds):
    for seed in range(DOCUMENTS_PER_OPERATION):
        yield tool("generate", service=service.service_name, operation=operation.name, request=request, seed=seed,
                   whole_seconds=whole_seconds)["document"]


def embedded(tool, service):
    for name in tool("services")["services"][service.service_name]:
        yield service.operation_model(name)


def serialize(service, operation, document):
    serializer = botocore.serialize.create_serializer(service.metadata["protocol"], include_validation=False)
    parameters = from_document(operation.input_shape, document) if operation.input_shape else {}
    message = serializer.serialize_to_request(parameters, operation)
    target = message["url_path"]
    query = message["query_string"]
    if query:
        target += ("&" if "?" in target else "?") + urllib.parse.urlencode(query, doseq=True)
    body = message["body"]
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body).encode()
    elif isinstance(body, str):
        body = body.encode()
    return message["method"], target, message["headers"], body


def test_requests_are_the_same(tool, service):
    protocol = service.metadata["protocol"]
    for operation in embedded(tool, service):
        for document in documents(tool, service, operation, request=True, whole_seconds=True):
            ours = tool("encode_request", service=service.service_name, operation=operation.name, document=document)
            method, target, headers, body = serialize(service, operation, document)
            assert ours["method"] == method
            our_url, their_url = urllib.parse.urlsplit(ours["target"]), urllib.parse.urlsplit(target)
            assert our_url.path == their_url.path, operation.name

            def query(url):
                return sorted((name, canonical(value))
                              for name, value in urllib.parse.parse_qsl(url.query, keep_blank_values=True))

            assert query(our_url) == query(their_url), operation.name
            our_headers = headers_of(ours)
            for name, value in headers.items():
                assert our_headers[name.lower()] == canonical(value), f"{operation.name} {name}"
            our_body = base64.b64decode(ours["body"])
            if protocol in ("query", "ec2"):
                def form(text):
                    return {name: canonical(value)
                            for name, value in urllib.parse.parse_qsl(text.decode(), keep_blank_values=True)}

                assert form(our_body) == form(body), operation.name
            elif body in (b"", None):
                assert our_body == b"", operation.name
            elif "payload" in (operation.input_shape.serialization if operation.input_shape else {}) and \
                    operation.has_streaming_input:
                assert our_body == body
            elif protocol in ("json", "rest-json"):
                assert json.loads(our_body) == json.loads(body), operation.name
            elif body.startswith(b"<") and our_body.startswith(b"<"):
                assert xml_form(ElementTree.fromstring(our_body)) == xml_form(ElementTree.fromstring(body)), operation.name
            else:
                assert our_body == body, operation.name


def test_we_read_botocores_requests(tool, service):
    for operation in embedded(tool, service):
        for document in documents(tool, service, operation, request=True, whole_seconds=True):
            method, target, headers, body = serialize(service, operation, document)
            # botocore sends a carriage return bare in XML, where no reader can tell it from a line feed.
            if b"\r" in body and service.metadata["protocol"] == "rest-xml":
                continue
            read = tool("decode_request", service=service.service_name, method=method, target=target,
                        headers=list(map(list, {k: str(v) for k, v in headers.items()}.items())),
                        body=base64.b64encode(body).decode())
            assert read["operation"] == operation.name
            assert read["document"] == document, operation.name


def test_botocore_reads_our_responses(tool, service):
    parser = botocore.parsers.create_parser(service.metadata["protocol"])
    for operation in embedded(tool, service):
        shape = operation.output_shape
        for document in documents(tool, service, operation, request=False, whole_seconds=False):
            ours = tool("encode_response", service=service.service_name, operation=operation.name, document=document)
            body = base64.b64decode(ours["body"])
            response = {"status_code": ours["status"], "body": body,
                        "headers": botocore.awsrequest.HeadersDict(ours["headers"])}
            payload = shape.serialization.get("payload") if shape else None
            if payload and shape.members[payload].type_name == "blob":
                # botocore hands such a body to the caller as a stream.
                assert body == base64.b64decode(document[payload])
                continue
            if operation.name == "GetBucketLocation":
                # A handler of botocore's reads this one, not its parser.
                root = ElementTree.fromstring(body)
                assert (root.text or "") == document.get("LocationConstraint", "")
                continue
            parsed = parser.parse(response, shape)
            metadata = parsed.pop("ResponseMetadata")
            assert metadata["RequestId"] == "request-1"
            if shape is None:
                assert parsed == {}
                continue
            if document.get("EncodingType") == "url":
                continue  # decoded by a handler of botocore's
            for name, member in shape.members.items():
                if member.serialization.get("location") == "headers" and parsed.get(name) == {}:
                    del parsed[name]  # botocore has an empty map where no header is
            same(shape, from_document(shape, document), parsed, operation.name)


@pytest.mark.skipif("smithy-rpc-v2-cbor" not in botocore.serialize.SERIALIZERS, reason="this botocore has no CBOR")
def test_cloudwatch_in_cbor(tool):
    model = embed_models.load(embed_models.Loader(), "cloudwatch", "service-2")
    embed_models.apply_overlay(model, OVERLAY["cloudwatch"])
    model["metadata"]["protocol"] = "smithy-rpc-v2-cbor"
    model["metadata"]["targetPrefix"] = "GraniteServiceVersion20100801"
    service = botocore.model.ServiceModel(model, service_name="cloudwatch")
    serializer = botocore.serialize.create_serializer("smithy-rpc-v2-cbor", include_validation=False)
    parser = botocore.parsers.create_parser("smithy-rpc-v2-cbor")
    for operation in embedded(tool, service):
        for document in documents(tool, service, operation, request=True, whole_seconds=True):
            message = serializer.serialize_to_request(from_document(operation.input_shape, document), operation)
            target = f"/service/{service.metadata['targetPrefix']}/operation/{operation.name}"
            assert message["url_path"] == target
            read = tool("decode_request", service="cloudwatch", method="POST", target=target,
                        headers=[[name, str(value)] for name, value in message["headers"].items()],
                        body=base64.b64encode(message["body"]).decode())
            assert (read["operation"], read["document"]) == (operation.name, document)
        shape = operation.output_shape
        for document in documents(tool, service, operation, request=False, whole_seconds=False):
            ours = tool("encode_response", service="cloudwatch", protocol="cbor", operation=operation.name,
                        document=document)
            parsed = parser.parse({"status_code": 200, "body": base64.b64decode(ours["body"]),
                                   "headers": botocore.awsrequest.HeadersDict(ours["headers"])}, shape)
            parsed.pop("ResponseMetadata")
            if shape is not None:
                same(shape, from_document(shape, document), parsed, operation.name)
    ours = tool("encode_error", service="cloudwatch", protocol="cbor", code="ResourceNotFound", message="ü", status=404)
    parsed = parser.parse({"status_code": 404, "body": base64.b64decode(ours["body"]),
                           "headers": botocore.awsrequest.HeadersDict(ours["headers"])},
                          service.operation_model("GetDashboard").output_shape)
    assert parsed["Error"]["Message"] == "ü"
    assert "ResourceNotFound" in (parsed["Error"]["Code"], parsed["Error"].get("QueryErrorCode"))


def test_botocore_reads_our_errors(tool, service):
    parser = botocore.parsers.create_parser(service.metadata["protocol"])
    for operation in embedded(tool, service):
        codes = [shape.error_code or shape.name if service.metadata["protocol"] not in ("json", "rest-json") else shape.name
                 for shape in operation.error_shapes]
        for code in codes + ["AccessDenied"]:
            message = "No, <b>not</b> this: \"ä\" & more"
            ours = tool("encode_error", service=service.service_name, code=code, message=message, status=400)
            parsed = parser.parse({"status_code": 400, "body": base64.b64decode(ours["body"]),
                                   "headers": botocore.awsrequest.HeadersDict(ours["headers"])},
                                  operation.output_shape)
            assert parsed["Error"]["Code"] == code
            assert parsed["Error"]["Message"] == message
            assert parsed["ResponseMetadata"]["RequestId"] == "request-1"
            read = tool("decode_error", service=service.service_name, status=400, headers=ours["headers"],
                        body=ours["body"])
            assert (read["code"], read["message"]) == (code, message)
