"""https://docs.aws.amazon.com/AmazonS3/latest/API/"""

import hashlib
import re
import urllib.error
import urllib.request

import pytest

from conftest import wait_for

from .conftest import refuses


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


def keys(answer):
    return [item["Key"] for item in answer.get("Contents", [])]


@pytest.mark.parametrize("wrong", ["ab", "Upper", "under_score", "-begins", "ends-", "two..dots", "192.168.0.1", "xn--x", "x-s3alias"])
def test_names_of_buckets(s3, wrong):
    import botocore.exceptions

    with pytest.raises((botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError)) as refused:
        s3.create_bucket(Bucket=wrong)
    if isinstance(refused.value, botocore.exceptions.ClientError):
        assert refused.value.response["Error"]["Code"] == "InvalidBucketName"


def test_a_bucket_made_again_in_us_east_1_is_the_same(s3, bucket):
    assert s3.create_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_what_a_new_bucket_answers_about_itself(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None, "us-east-1 has no name here"
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", "all buckets are encrypted since 2023"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()), "the default since April 2023"


@pytest.mark.parametrize("operation, code", [
    ("get_bucket_policy", "NoSuchBucketPolicy"), ("get_bucket_cors", "NoSuchCORSConfiguration"),
    ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"), ("get_bucket_website", "NoSuchWebsiteConfiguration"),
    ("get_bucket_tagging", "NoSuchTagSet"), ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
])
def test_what_a_new_bucket_does_not_have(s3, bucket, operation, code):
    refuses(code, getattr(s3, operation), Bucket=bucket)


def test_what_is_not_there(s3, bucket):
    refuses("NoSuchBucket", s3.list_objects_v2, "The specified bucket does not exist", Bucket=f"{bucket}-none")
    error = refuses("NoSuchKey", s3.get_object, "The specified key does not exist.", Bucket=bucket, Key="none")
    assert error["Error"]["Key"] == "none"
    refuses("404", s3.head_object, Bucket=bucket, Key="none")
    refuses("NoSuchUpload", s3.list_parts, Bucket=bucket, Key="none", UploadId="none")
    assert s3.delete_object(Bucket=bucket, Key="none")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_an_object_keeps_what_it_was_given(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/css", CacheControl="max-age=1",
                        ContentDisposition="inline", ContentEncoding="identity", Metadata={"a-b": "c"})
    assert put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["CacheControl"], head["ContentDisposition"]) == ("text/css", "max-age=1", "inline")
    assert head["Metadata"] == {"a-b": "c"} and head["ContentLength"] == 5 and head["AcceptRanges"] == "bytes"
    assert s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/x")["ContentType"] == "text/x"
    s3.put_object(Bucket=bucket, Key="bare", Body=b"")
    assert s3.head_object(Bucket=bucket, Key="bare")["ContentType"] == "binary/octet-stream"


@pytest.mark.parametrize("asked, body, told", [("bytes=0-1", b"01", "bytes 0-1/10"), ("bytes=7-", b"789", "bytes 7-9/10"),
                                               ("bytes=-2", b"89", "bytes 8-9/10"), ("bytes=5-99", b"56789", "bytes 5-9/10")])
def test_ranges(s3, bucket, asked, body, told):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert answer["Body"].read() == body and answer["ContentRange"] == told
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    refuses("InvalidRange", s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-")


def test_conditional_reads(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read() == b"1"
    refuses("PreconditionFailed", s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"')
    refuses("304", s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=tag)


def test_lists_roll_up_at_a_delimiter(s3, bucket):
    for key in ("a", "dir/1", "dir/2", "dir/sub/3", "z"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert keys(top) == ["a", "z"] and top["CommonPrefixes"] == [{"Prefix": "dir/"}] and top["KeyCount"] == 3
    inside = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="dir/")
    assert keys(inside) == ["dir/1", "dir/2"] and inside["CommonPrefixes"] == [{"Prefix": "dir/sub/"}]
    assert keys(s3.list_objects_v2(Bucket=bucket, StartAfter="dir/2")) == ["dir/sub/3", "z"]
    first = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert first["IsTruncated"] and first["NextMarker"] == "dir/"
    assert keys(s3.list_objects(Bucket=bucket, Delimiter="/", Marker=first["NextMarker"])) == ["z"]


def test_pages_begin_where_the_last_one_ended(s3, bucket):
    wanted = [f"k{i:02} ü" for i in range(7)]
    for key in wanted:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3}))
    assert [key for page in pages for key in keys(page)] == wanted and len(pages) == 3


def test_parts_of_an_upload(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    small = s3.upload_part(**part, PartNumber=1, Body=b"x")["ETag"]
    last = s3.upload_part(**part, PartNumber=2, Body=b"y")["ETag"]
    both = {"Parts": [{"PartNumber": 1, "ETag": small}, {"PartNumber": 2, "ETag": last}]}
    refuses("EntityTooSmall", s3.complete_multipart_upload, **part, MultipartUpload=both)
    refuses("InvalidPartOrder", s3.complete_multipart_upload, **part, MultipartUpload={"Parts": both["Parts"][::-1]})
    refuses("InvalidPart", s3.complete_multipart_upload, **part,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"0"'}]})
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["k"]
    refuses("404", s3.head_object, Bucket=bucket, Key="k")
    big = b"z" * (5 << 20)
    first = s3.upload_part(**part, PartNumber=1, Body=big)["ETag"]
    done = s3.complete_multipart_upload(**part, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": first}, both["Parts"][1]]})
    digests = hashlib.md5(hashlib.md5(big).digest() + hashlib.md5(b"y").digest()).hexdigest()
    assert done["ETag"] == f'"{digests}-2"'
    s3.abort_multipart_upload(**{**part, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]})
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_versions_and_delete_markers(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    deleted = s3.delete_object(Bucket=bucket, Key="k")
    assert deleted["DeleteMarker"] is True
    refuses("NoSuchKey", s3.get_object, Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == [second, first], "the newest first"
    assert listed["DeleteMarkers"][0]["IsLatest"] is True
    s3.delete_object(Bucket=bucket, Key="k", VersionId=deleted["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2", "without its marker the object is back"
    refuses("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)


def test_copies_take_or_replace_what_is_said_of_the_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", Metadata={"x": "1"}, ContentType="text/a")
    source = {"Bucket": bucket, "Key": "a"}
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source)
    assert s3.head_object(Bucket=bucket, Key="b")["Metadata"] == {"x": "1"}
    s3.copy_object(Bucket=bucket, Key="c", CopySource=source, MetadataDirective="REPLACE", Metadata={"y": "2"})
    assert s3.head_object(Bucket=bucket, Key="c")["Metadata"] == {"y": "2"}
    refuses("InvalidRequest", s3.copy_object, "This copy request is illegal", Bucket=bucket, Key="a", CopySource=source)


def test_many_objects_are_deleted_at_once(s3, bucket):
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ("a", "b", "never")]})
    assert sorted(item["Key"] for item in answer["Deleted"]) == ["a", "b", "never"]
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "c"}], "Quiet": True})
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_a_wrong_digest_is_refused(s3, bucket):
    refuses("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"1", ContentMD5="XrY7u+Ae7tCTyyK7j1rNww==")
    refuses("InvalidDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"1", ContentMD5="short")


def test_cors(s3, bucket, cloud):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.example.com"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 60}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")

    def preflight(origin):
        request = urllib.request.Request(f"{cloud.endpoint}/{bucket}/k", method="OPTIONS", headers={
            "Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"})
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)

    with preflight("https://a.example.com") as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example.com"
        assert answer.headers["Access-Control-Max-Age"] == "60"
    with pytest.raises(urllib.error.HTTPError) as refused:
        preflight("https://example.org")
    assert refused.value.code == 403


def test_a_presigned_url_ends(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url) as answer:
        assert answer.read() == b"1"
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "up"}, ExpiresIn=60)
    with opener.open(urllib.request.Request(put, data=b"2", method="PUT")):
        pass
    assert s3.get_object(Bucket=bucket, Key="up")["Body"].read() == b"2"


def test_tags_of_objects_and_buckets(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="a=1&b=2")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "env", "Value": "dev"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "env", "Value": "dev"}]


# ---- Websites


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture
def site(cloud, s3, bucket):
    """A bucket that anybody reads, and a browser's view of its website: (status, header lines, body)."""
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=(
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],'
        f'"Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}'))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)

    def look(path, method="GET", host=f"{bucket}.s3-website.localhost:{cloud.port}"):
        request = urllib.request.Request(cloud.endpoint + path, method=method, headers={"Host": host})
        try:
            answer = opener.open(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read().decode()

    return look


def test_a_website_of_a_bucket(s3, bucket, site):
    for key, body in {"index.html": "home", "docs/index.html": "docs", "error.html": "sorry"}.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="text/html")
    s3.put_object(Bucket=bucket, Key="old", WebsiteRedirectLocation="/docs/")
    assert site("/")[0] == 404
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"},
        "RoutingRules": [{"Condition": {"KeyPrefixEquals": "blog/"}, "Redirect": {"HostName": "blog.example.com", "HttpRedirectCode": "302"}}]})
    assert s3.get_bucket_website(Bucket=bucket)["IndexDocument"] == {"Suffix": "index.html"}

    status, headers, body = site("/")
    assert (status, headers["Content-Type"], body) == (200, "text/html", "home")
    status, headers, body = site("/", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "4", "")
    assert site("/docs/", host=f"{bucket}.s3-website-us-east-1.amazonaws.com")[2] == "docs"
    status, headers, _ = site("/docs")
    assert (status, headers["Location"]) == (302, "/docs/")
    status, headers, _ = site("/old")
    assert (status, headers["Location"]) == (301, "/docs/")
    status, headers, _ = site("/blog/x")
    assert (status, headers["Location"]) == (302, "http://blog.example.com/blog/x")
    status, headers, body = site("/none")
    assert status == 404 and headers["Content-Type"] == "text/html; charset=utf-8" and "<li>Code: NoSuchKey</li>" in body
    assert site("/none", "HEAD")[0] == 404
    assert site("/", "PUT")[0] == 405

    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}})
    assert site("/none")[::2] == (404, "sorry")
    refuses("InvalidArgument", s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "a/b"}})


# ---- Lifecycle


def test_what_will_expire_says_so(s3, bucket):
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}},
        {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]})
    assert [rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]] == ["logs", "uploads"]
    put = s3.put_object(Bucket=bucket, Key="logs/a", Body=b"x")
    assert re.fullmatch(r'expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="logs"', put["Expiration"])
    assert s3.head_object(Bucket=bucket, Key="logs/a")["Expiration"] == put["Expiration"]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="other", Body=b"x")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="logs/b")
    assert upload["AbortRuleId"] == "uploads" and upload["AbortDate"].hour == 0
    s3.abort_multipart_upload(Bucket=bucket, Key="logs/b", UploadId=upload["UploadId"])
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="logs/a")


def test_an_object_whose_date_is_past_is_removed(s3, bucket):
    import datetime

    s3.put_object(Bucket=bucket, Key="old/a", Body=b"x")
    s3.put_object(Bucket=bucket, Key="new/a", Body=b"x")
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "past", "Status": "Enabled", "Filter": {"Prefix": "old/"},
         "Expiration": {"Date": datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)}}]})
    wait_for(lambda: keys(s3.list_objects_v2(Bucket=bucket)) == ["new/a"], "the object expires", 10)
