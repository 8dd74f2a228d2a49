"""Static files and uploads in one S3 bucket, each under its own prefix."""

from django.conf import settings
from django.utils.encoding import filepath_to_uri
from storages.backends.s3boto3 import S3Boto3Storage
from storages.utils import clean_name


class BucketStorage(S3Boto3Storage):
    """Objects are public under their prefix by the bucket's policy, so links carry no signature.

    The URL is the browser's way to the bucket, which differs from the endpoint that the application itself uses.
    """

    querystring_auth = False
    default_acl = None

    def url(self, name, parameters=None, expire=None, http_method=None):
        return f"{settings.BUCKET_URL}/{filepath_to_uri(self._normalize_name(clean_name(name)))}"


class StaticStorage(BucketStorage):
    location = "static"
    object_parameters = {"CacheControl": "max-age=300"}


class MediaStorage(BucketStorage):
    location = "media"
    # An upload never replaces another one: a taken name gets a suffix.
    file_overwrite = False
