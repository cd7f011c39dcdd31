"""The errors of the SDK: pickling, copying, and their types."""

import copy
import pickle
from collections.abc import Iterator

import pytest

from drivebay import client
from drivebay.cli.user.exit_codes import CommandError, ExitCode, UploadInProgress
from drivebay.client import ApiError, Error, FieldError, StoreError, UploadFailed
from drivebay.client.part_uploads import PartsMismatch

API_ERROR = {"request_id": "r1", "errors": (FieldError("name", "is too long"),), "retry_after": 2.0}


def every_error() -> Iterator[Error]:
    for name in client.__all__:
        kind = getattr(client, name)
        if not isinstance(kind, type) or not issubclass(kind, Error):
            continue
        if issubclass(kind, ApiError):
            yield kind(409, "name_taken", "the name is taken", **API_ERROR)
        elif kind is StoreError:
            yield StoreError("reading a.txt", 503, "SlowDown")
        elif kind is UploadFailed:
            yield UploadFailed("u1", "failed", "size_mismatch")
        else:
            yield kind("what happened")
    yield PartsMismatch("part 1 has other bytes")
    yield CommandError("what happened", ExitCode.NOT_FOUND, "what to do")
    yield UploadInProgress("/a.txt")


@pytest.mark.parametrize("error", list(every_error()), ids=lambda error: type(error).__name__)
def test_error_is_the_same_after_pickling_and_copying(error: Error) -> None:
    error.add_note("seen by a worker")
    for clone in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(clone) is type(error)
        assert (str(clone), clone.args, vars(clone)) == (str(error), error.args, vars(error))
