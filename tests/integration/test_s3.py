"""S3 as the SDKs use it: boto3 of Debian and, where the first python3 on PATH has a current one, that as well."""

import hashlib
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest

# Runs in a Python with a current boto3, whose defaults are checksums in trailers and their check on every answer.
CURRENT = """
import os, sys, boto3, botocore, botocore.config, botocore.exceptions
assert tuple(map(int, botocore.__version__.split(".")[:2])) >= (1, 36), "old"
s3 = boto3.client("s3", endpoint_url=sys.argv[1], config=botocore.config.Config(s3={"addressing_style": "path"}))
s3.create_bucket(Bucket="current")
body = os.urandom(100_000)
s3.put_object(Bucket="current", Key="k", Body=body)
assert s3.get_object(Bucket="current", Key="k")["Body"].read() == body
# A part is not checked with the checksum of the whole.
assert s3.get_object(Bucket="current", Key="k", Range="bytes=10-19")["Body"].read() == body[10:20]
etag = s3.head_object(Bucket="current", Key="k")["ETag"]
for call, code in [
    (dict(IfNoneMatch="*"), "PreconditionFailed"),
    (dict(IfMatch='"other"'), "PreconditionFailed"),
    (dict(ChecksumCRC64NVME="AAAAAAAAAAA="), "BadDigest"),
]:
    try:
        s3.put_object(Bucket="current", Key="k", Body=b"x", **call)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error
    else:
        raise AssertionError(code)
s3.put_object(Bucket="current", Key="k", Body=b"x", IfMatch=etag)
try:
    s3.get_object(Bucket="current", Key="k", IfNoneMatch=s3.head_object(Bucket="current", Key="k")["ETag"])
except botocore.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "304", error
# In parts, whose checksums make the object's.
upload = s3.create_multipart_upload(Bucket="current", Key="m", ChecksumAlgorithm="CRC32")["UploadId"]
parts = []
for number, size in ((1, 5 << 20), (2, 1000)):
    part = s3.upload_part(Bucket="current", Key="m", UploadId=upload, PartNumber=number, Body=os.urandom(size),
                          ChecksumAlgorithm="CRC32")
    parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
done = s3.complete_multipart_upload(Bucket="current", Key="m", UploadId=upload, MultipartUpload={"Parts": parts})
assert done["ChecksumType"] == "COMPOSITE" and done["ChecksumCRC32"].endswith("-2"), done
assert len(s3.get_object(Bucket="current", Key="m", PartNumber=2)["Body"].read()) == 1000
"""


@pytest.fixture(scope="module")
def s3(cloud):
    return cloud.client("s3")


def test_current_sdks_checksums_and_conditions(cloud):
    python = subprocess.run(
        ["python3", "-c", "import botocore; print(botocore.__version__)"], capture_output=True, text=True
    )
    if python.returncode or tuple(map(int, python.stdout.split(".")[:2])) < (1, 36):
        pytest.skip("the first python3 on PATH has no current boto3")
    ran = subprocess.run(
        ["python3", "-c", CURRENT, cloud.endpoint], capture_output=True, text=True, env=cloud.environment, timeout=300
    )
    assert ran.returncode == 0, ran.stderr


def resident_bytes(pid):
    """The most memory that the process has had."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmHWM")


class Zeros:
    """A file of this many bytes that exists nowhere; each MiB differs."""

    def __init__(self, size):
        self.size, self.at, self.digest = size, 0, hashlib.md5()

    def read(self, count=-1):
        count = self.size - self.at if count < 0 else min(count, self.size - self.at, 1 << 20)
        data = (self.at.to_bytes(8, "big") * (count // 8 + 1))[:count]
        self.at += count
        self.digest.update(data)
        return data


def test_a_large_file_passes_through_little_memory(cloud, s3):
    """PutObject and GetObject of 300 MB in one piece: neither direction is held in memory."""
    import http.client

    size = 300 << 20
    s3.create_bucket(Bucket="large")
    before = resident_bytes(cloud.process.pid)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "large", "Key": "file"})
    body = Zeros(size)
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=300)
    connection.request("PUT", url.split(str(cloud.port), 1)[1], body=iter(lambda: body.read(1 << 20), b""),
                       headers={"Content-Length": str(size)})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert answer.headers["ETag"].strip('"') == body.digest.hexdigest()
    answer.read()
    back = hashlib.md5()
    for piece in s3.get_object(Bucket="large", Key="file")["Body"].iter_chunks(1 << 20):
        back.update(piece)
    assert back.hexdigest() == body.digest.hexdigest()
    assert resident_bytes(cloud.process.pid) - before < 64 << 20
    assert not os.listdir(os.path.join(cloud.home, "spool"))
    s3.delete_object(Bucket="large", Key="file")


def post(form, content, **fields):
    """As a browser posts what generate_presigned_post answered: (status, headers, body)."""
    boundary, parts = "browser", []
    for name, value in {**form["fields"], **fields}.items():
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="cat.png"\r\n'
                 "Content-Type: image/png\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode())
    request = urllib.request.Request(form["url"], b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_browsers_upload_by_presigned_forms(cloud, s3, name, version):
    from botocore.config import Config

    s3.create_bucket(Bucket=name)
    signer = boto3.client("s3", endpoint_url=cloud.endpoint, aws_access_key_id="test", aws_secret_access_key="test",
                          region_name="us-east-1", config=Config(signature_version=version, s3={"addressing_style": "path"}))
    form = signer.generate_presigned_post(
        name, "up/${filename}", Fields={"Content-Type": "image/png", "x-amz-meta-by": "ada"},
        Conditions=[["starts-with", "$key", "up/"], {"Content-Type": "image/png"}, {"x-amz-meta-by": "ada"},
                    ["content-length-range", 1, 6 << 20]])
    content = os.urandom(5 << 20)  # more than is kept in memory
    status, headers, _ = post(form, content)
    assert (status, headers["ETag"]) == (204, f'"{hashlib.md5(content).hexdigest()}"')
    found = s3.get_object(Bucket=name, Key="up/cat.png")
    assert found["Body"].read() == content and found["Metadata"] == {"by": "ada"} and found["ContentType"] == "image/png"
    assert "EntityTooLarge" in post(form, os.urandom((6 << 20) + 1))[2]
    status, _, body = post(form, b"x", **{"x-amz-meta-more": "1"})
    assert status == 403 and "Extra input fields: x-amz-meta-more" in body
    status, _, body = post(form, b"x", key="elsewhere")
    assert status == 403 and "Policy Condition failed" in body


def test_a_forms_signature_is_checked_where_the_secret_is_known(cloud, s3, name):
    from botocore.config import Config

    s3.create_bucket(Bucket=name)
    keys = cloud.client("sts").assume_role(RoleArn="arn:aws:iam::111122223333:role/other", RoleSessionName="browser")["Credentials"]

    def form(secret):
        return boto3.client("s3", endpoint_url=cloud.endpoint, aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=secret,
                            aws_session_token=keys["SessionToken"], region_name="us-east-1",
                            config=Config(signature_version="s3v4", s3={"addressing_style": "path"})).generate_presigned_post(name, "k")

    assert post(form(keys["SecretAccessKey"]), b"x")[0] == 204
    status, _, body = post(form("not the secret"), b"x")
    assert status == 403 and "SignatureDoesNotMatch" in body


def test_names_that_need_encoding_are_listed_as_they_are(s3, name):
    s3.create_bucket(Bucket=name)
    keys = sorted(["100%25.txt", "a b+c", "new\nline", "ü/é", "tab\t&<>"])
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"")
    assert sorted(o["Key"] for o in s3.list_objects_v2(Bucket=name)["Contents"]) == keys
    assert sorted(v["Key"] for v in s3.list_object_versions(Bucket=name)["Versions"]) == keys
    assert [p["Prefix"] for p in s3.list_objects_v2(Bucket=name, Delimiter="/")["CommonPrefixes"]] == ["ü/"]
