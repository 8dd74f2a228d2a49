"""What AWS documents, asked of the local cloud through boto3 and the AWS CLI.

The suite runs with Debian's boto3 of 2022 in `make test`, and once more with a current one where the machine has it
(tools/run-tests). Nothing here looks at containers: what runs is the subject of tests/integration.
"""

import pytest


def refuses(code, call, message=None, **arguments):
    """The call is refused with this error code and, where given, with this part of a message. Returns the error."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    assert error["Code"] == code, error
    if message is not None:
        assert message in error["Message"], error
    return refused.value.response


@pytest.fixture
def client(cloud):
    return cloud.client
