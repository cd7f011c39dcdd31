"""Notes of small uploads that were begun: held by the process that lives, and left to the next by one that does not."""

import subprocess
import sys
from pathlib import Path

import msgspec

from drivebay.client import Begun
from drivebay.commands.unfinished import Folder

SERVER = "https://drive.example.com"
BEGUN = Begun("k1", SERVER, b'{"uploads": []}')

ANOTHER = """
import sys
from pathlib import Path
from drivebay.client import Begun
from drivebay.commands.unfinished import Folder
folder = Folder(Path(sys.argv[1]))
folder.note(Begun("k2", "https://drive.example.com", b"{}"))
print("noted", flush=True)
sys.stdin.readline()
"""


def test_what_a_living_process_began_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "noted\n"
        assert Folder(tmp_path).abandoned(SERVER) == []
        process.kill()
    next_one = Folder(tmp_path)
    assert [begun.key for begun in next_one.abandoned(SERVER)] == ["k2"]
    assert Folder(tmp_path).abandoned(SERVER) == []  # the next one has it now
    next_one.drop("k2")
    assert list((tmp_path / "begun").iterdir()) == []


def test_what_was_begun_elsewhere_is_left_to_whoever_goes_there(tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "k1.json").write_bytes(msgspec.json.encode(BEGUN))
    assert Folder(tmp_path).abandoned("https://other.example.com") == []
    assert Folder(tmp_path).abandoned(SERVER) == [BEGUN]


def test_a_note_that_cannot_be_read_is_nobodys(tmp_path: Path) -> None:
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "k3.json").write_bytes(b"half a no")
    assert Folder(tmp_path).abandoned(SERVER) == []


def test_only_their_owner_reads_notes(tmp_path: Path) -> None:
    Folder(tmp_path).note(BEGUN)
    path = tmp_path / "begun" / "k1.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert msgspec.json.decode(path.read_bytes(), type=Begun) == BEGUN
