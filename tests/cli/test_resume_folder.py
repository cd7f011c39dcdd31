"""Records of small uploads: the process that started them holds them, and after its end another process takes them."""

import subprocess
import sys
from pathlib import Path

import msgspec

from drivebay.cli.user.resume_state import ResumeFolder
from drivebay.client import PendingBatch

SERVER = "https://drive.example.com"
BATCH = PendingBatch("k1", SERVER, b'{"uploads": []}')

OTHER_PROCESS = """
import sys
from pathlib import Path
from drivebay.cli.user.resume_state import ResumeFolder
from drivebay.client import PendingBatch
folder = ResumeFolder(Path(sys.argv[1]))
folder.record_batch(PendingBatch("k2", "https://drive.example.com", b"{}"))
print("recorded", flush=True)
sys.stdin.readline()
"""


def test_batch_is_taken_only_after_its_process_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "recorded\n"
        assert ResumeFolder(tmp_path).take_abandoned_batches(SERVER) == []
        process.kill()
    folder = ResumeFolder(tmp_path)
    assert [batch.key for batch in folder.take_abandoned_batches(SERVER)] == ["k2"]
    assert ResumeFolder(tmp_path).take_abandoned_batches(SERVER) == []  # `folder` holds it now
    folder.remove_batch("k2")
    assert list((tmp_path / "begun").iterdir()) == []


def test_batch_for_another_server_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "k1.json").write_bytes(msgspec.json.encode(BATCH))
    assert ResumeFolder(tmp_path).take_abandoned_batches("https://other.example.com") == []
    assert ResumeFolder(tmp_path).take_abandoned_batches(SERVER) == [BATCH]


def test_batch_file_that_is_not_valid_is_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "k3.json").write_bytes(b"half a rec")
    assert ResumeFolder(tmp_path).take_abandoned_batches(SERVER) == []


def test_only_the_user_can_read_a_batch_file(tmp_path: Path) -> None:
    ResumeFolder(tmp_path).record_batch(BATCH)
    path = tmp_path / "begun" / "k1.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert msgspec.json.decode(path.read_bytes(), type=PendingBatch) == BATCH
