"""The errors of the SDK: pickling, copying, and their types."""

import copy
import pickle
from collections.abc import Awaitable, Callable, Iterator

import pytest

from drivebay import client
from drivebay.cli.user.exit_codes import CommandError, ExitCode, UploadInProgress
from drivebay.client import ApiError, AsyncDrive, Error, FieldError, NotFound, RetryPolicy, StoreError, UploadFailed
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


@pytest.mark.parametrize("id", ["", ".", ".."])
@pytest.mark.parametrize(
    "call",
    [
        lambda drive, text: drive.end_session(text),
        lambda drive, text: drive.revoke_token(text),
        lambda drive, text: drive.delete_link(text),
        lambda drive, text: drive.remove_member(text, "user"),
        lambda drive, text: drive.remove_member("drive", text),
        lambda drive, text: drive.job(text),
    ],
)
async def test_an_id_that_a_proxy_may_remove_from_the_path_is_not_sent(
    call: Callable[[AsyncDrive, str], Awaitable[object]], id: str, free_port: int
) -> None:
    # Nothing listens, so a request would be a NetworkError.
    async with AsyncDrive(f"http://127.0.0.1:{free_port}", retry_policy=RetryPolicy(timeout=0)) as drive:
        with pytest.raises(NotFound, match="is not an id"):
            await call(drive, id)
