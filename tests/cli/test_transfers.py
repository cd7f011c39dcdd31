"""`put`, `get` and `cat`: which files are transferred, where to, and what happens to the others after a failure."""

import asyncio
import json
import os
import pty
import signal
from contextlib import suppress

import pytest

from tests.client.conftest import Site
from tests.client.transfer_helpers import until_passed

from .shell import EXIT_TIMEOUT, Shell

pytestmark = pytest.mark.slow


async def test_root_folder_cannot_be_uploaded_without_a_name(shell: Shell) -> None:
    result = await shell("put", "/")
    assert result.status == 2
    assert "--to" in result.stderr


async def test_parent_folder_is_uploaded_under_its_own_name(shell: Shell) -> None:
    inner = shell.home / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner.parent / "a.txt").write_text("a")
    assert (await shell("put", f"{inner}/..")).lines == ["/outer/a.txt"]


async def test_progress_on_a_terminal_shows_large_files_and_stays_out_of_the_result(shell: Shell) -> None:
    (shell.home / "many").mkdir()
    for number in range(200):
        (shell.home / "many" / f"small-{number}").write_text("Hello!")
    (shell.home / "large").write_bytes(bytes(2 * 2**20))
    controller, terminal = pty.openpty()
    process = await shell.start("put", "many", "large", stderr=terminal)
    os.close(terminal)
    output, shown = await asyncio.gather(process.communicate(), asyncio.to_thread(_read_all, controller))
    assert (process.returncode, len(output[0].splitlines())) == (0, 201)
    assert b"total" in shown
    assert b"/large" in shown
    assert b"small-" not in shown


async def test_progress_of_a_zip_file_counts_what_is_in_folders(shell: Shell) -> None:
    (shell.home / "folder").mkdir()
    (shell.home / "folder" / "large").write_bytes(bytes(2 * 2**20))
    await shell.ok("put", "folder")
    controller, terminal = pty.openpty()
    process = await shell.start("get", "--zip", "/folder", stderr=terminal)
    os.close(terminal)
    output, shown = await asyncio.gather(process.communicate(), asyncio.to_thread(_read_all, controller))
    assert (process.returncode, output[0]) == (0, b"folder.zip\n")
    assert b"folder.zip" in shown  # a file of less than a MiB has no bar


async def test_sigterm_shows_the_cursor_again(site: Site, shell: Shell) -> None:
    (shell.home / "large").write_bytes(bytes(40 * 2**20))
    site.store.delay = 0.05
    controller, terminal = pty.openpty()
    process = await shell.start("put", "large", stderr=terminal)
    os.close(terminal)
    await until_passed(site.store, 2**20)
    process.send_signal(signal.SIGTERM)
    _, shown = await asyncio.gather(process.wait(), asyncio.to_thread(_read_all, controller))
    assert process.returncode == -signal.SIGTERM
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") >= 0


def _read_all(controller: int) -> bytes:
    shown = b""
    with suppress(OSError):  # reading fails when the other end of the terminal is closed
        while block := os.read(controller, 65536):
            shown += block
    os.close(controller)
    return shown


async def test_on_conflict_renames_or_replaces(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("one")
    await shell.ok("put", "a.txt")
    (shell.home / "a.txt").write_text("two")
    assert (await shell.ok("put", "a.txt", "--on-conflict", "rename")).lines == ["/a (1).txt"]
    assert (await shell.ok("put", "a.txt", "--on-conflict", "replace")).lines == ["/a.txt"]
    assert (await shell.ok("cat", "/a.txt", "/a (1).txt")).stdout == b"twotwo"


async def test_folder_that_cannot_be_created_does_not_stop_other_folders(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        (shell.home / "un" / name).mkdir(parents=True)
        (shell.home / "un" / name / "f").write_text(name)
    await shell.ok("mkdir", "/un")
    await shell.ok("put", "un/a/f", "--to", "/un", "--name", "b")
    result = await shell("put", "un")
    assert (result.status, sorted(result.lines)) == (5, ["/un/a/f", "/un/c/f"])
    assert "un/b" in result.stderr


async def test_file_that_fails_does_not_stop_other_files(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        (shell.home / f"{name}.txt").write_text(name)
    await shell.ok("put", "b.txt")
    (shell.home / "b.txt").write_text("other")
    result = await shell("put", "*.txt", "gone")
    assert (result.status, sorted(result.lines)) == (1, ["/a.txt", "/c.txt"])
    assert "b.txt already exists" in result.stderr
    assert "gone: No such file" in result.stderr


async def test_download_goes_to_the_output_path_and_replaces_only_regular_files(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("one")
    await shell.ok("put", "a.txt")
    (shell.home / "folder").mkdir()
    assert (await shell.ok("get", "/a.txt", "-o", "folder")).lines == ["folder/a.txt"]
    os.mkfifo(shell.home / "pipe")
    result = await shell("get", "/a.txt", "-o", "pipe", "--force")
    assert (result.status, (shell.home / "pipe").is_fifo()) == (1, True)
    assert "pipe" in result.stderr
    result = await shell("get", "/a.txt", "-o", "-")
    assert (result.status, "drivebay cat" in result.stderr) == (2, True)


async def test_folder_is_transferred_whole_and_each_file_once(shell: Shell) -> None:
    top = shell.home / "tree"
    for number in range(12):
        folder = top / f"d{number % 3}" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(str(number))
    (top / "empty").mkdir()
    (top / "loop").symlink_to(top)
    put = await shell.ok("put", "tree", "--to", "/backup", "-p")
    assert sorted(put.lines) == sorted(f"/backup/tree/d{n % 3}/deep/{n}.txt" for n in range(12))
    assert "skipped tree/loop" in put.stderr
    (top / "d0" / "new.txt").write_text("new")
    second = (await shell.ok("put", "tree", "--to", "/backup", "--json")).json
    assert [row["path"] for row in second if row["status"] == "stored"] == ["/backup/tree/d0/new.txt"]
    (shell.home / "back").mkdir()
    assert len((await shell.ok("get", "/backup/tree", "--to", "back")).lines) == 13
    sent = {path.relative_to(top): path.read_text() for path in top.rglob("*.txt") if "loop" not in path.parts}
    back = shell.home / "back" / "tree"
    assert {path.relative_to(back): path.read_text() for path in back.rglob("*.txt")} == sent
    assert (back / "empty").is_dir()
    await shell.ok("rm", "-r", "/backup")
    assert (await shell.ok("ls")).lines == []


async def test_standard_input_and_output_can_be_used_as_files(shell: Shell) -> None:
    body = bytes(range(256)) * 4000
    assert (await shell.ok("put", "-", "--name", "x.bin", stdin=body)).lines == ["/x.bin"]
    assert (await shell.ok("cat", "/x.bin")).stdout == body


async def test_reader_that_closes_the_pipe_gives_status_141_without_a_message(shell: Shell) -> None:
    (shell.home / "x.bin").write_bytes(bytes(2**20))
    await shell.ok("put", "x.bin")
    process = await shell.start("cat", *["/x.bin"] * 40)
    assert process.stdout is not None
    await process.stdout.read(10)
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert process.stderr is not None
    stderr = await asyncio.wait_for(process.stderr.read(), EXIT_TIMEOUT)
    assert (await process.wait(), stderr) == (141, b"")


async def test_local_file_that_cannot_be_sent_does_not_stop_its_neighbours(shell: Shell) -> None:
    top = shell.home / "top"
    top.mkdir()
    for number in range(60):
        (top / f"{number:02}.txt").write_text(str(number))
    (top / os.fsdecode(b"bad\xff")).write_text("bad")
    (top / os.fsdecode(b"folder\xff")).mkdir()
    (top / os.fsdecode(b"folder\xff") / "inner").write_text("inner")
    (top / "control\x01").write_text("bad")
    (top / ("\N{GREEK SMALL LETTER IOTA WITH DIALYTIKA AND TONOS}" * 120)).write_text("fits")
    os.mkfifo(top / "pipe")
    (top / "loop").symlink_to("loop")
    (top / "broken").symlink_to("nowhere")
    (top / "through-a-file").symlink_to("00.txt/x")
    result = await shell("put", "top", "--json")
    assert result.status == 1
    assert len(result.json) == 61
    notes = [json.loads(line) for line in result.stderr.splitlines()]
    skipped = sorted(note["note"].split(":")[0] for note in notes if "note" in note)
    assert skipped == ["skipped top/broken", "skipped top/loop", "skipped top/pipe", "skipped top/through-a-file"]
    failed = [note["detail"] for note in notes if "detail" in note and "failed" not in note["detail"]]
    assert len(failed) == 3, failed
    # A second run does the same: nothing is blocked by the files that failed.
    assert len((await shell("put", "top", "--json")).json) == 61


async def test_two_sources_with_one_target_are_refused_with_both_names(shell: Shell) -> None:
    for folder in ("a", "b"):
        (shell.home / folder / "sub").mkdir(parents=True)
        (shell.home / folder / "sub" / "x.txt").write_text(folder)
        (shell.home / folder / "sub" / f"{folder}.txt").write_text(folder)
        (shell.home / folder / "y.txt").write_text(folder)
    for conflict in ("fail", "replace", "rename"):
        result = await shell("put", "a/sub", "b/sub", "a/y.txt", "b/y.txt", "--on-conflict", conflict, "--json")
        assert result.status == 5
        assert sorted(row["path"] for row in result.json) == ["/sub/a.txt", "/sub/b.txt"]
        details = [json.loads(line)["detail"] for line in result.stderr.splitlines()]
        assert any("a/sub/x.txt and b/sub/x.txt" in detail for detail in details), details
        assert any("a/y.txt and b/y.txt" in detail for detail in details), details
    # The same source twice is one source.
    assert (await shell.ok("put", "a/y.txt", "./a/y.txt", "a/*.txt")).lines == ["/y.txt"]


async def test_two_unicode_forms_of_one_name_are_refused(shell: Shell) -> None:
    top = shell.home / "top"
    top.mkdir()
    (top / "caf\u00e9.txt").write_text("composed")
    (top / "cafe\u0301.txt").write_text("decomposed")
    (top / "other.txt").write_text("other")
    for conflict in ("fail", "replace", "rename", "rename"):
        result = await shell("put", "top", "--on-conflict", conflict)
        assert (result.status, result.lines) == (5, ["/top/other.txt"])
        assert "caf\u00e9.txt" in result.stderr
        assert "cafe\u0301.txt" in result.stderr
        assert "Unicode form" in result.stderr
    assert (await shell.ok("ls", "/top")).lines == ["other.txt"]


async def test_two_files_with_one_local_path_are_refused_with_both_names(shell: Shell) -> None:
    (shell.home / "to").mkdir()
    for folder in ("a", "b"):
        (shell.home / f"{folder}.txt").write_text(folder)
        await shell.ok("mkdir", "-p", f"/{folder}/sub")
        for target in (f"/{folder}", f"/{folder}/sub"):
            await shell.ok("put", f"{folder}.txt", "--to", target, "--name", "x.txt")
        await shell.ok("put", f"{folder}.txt", "--to", f"/{folder}/sub")
    for force in ([], ["--force"]):
        result = await shell("get", "/a/x.txt", "/b/x.txt", "/a/sub", "/b/sub", "--to", "to", *force)
        assert (result.status, sorted(result.lines)) == (5, ["to/sub/a.txt", "to/sub/b.txt"])
        assert "/a/x.txt and /b/x.txt would have the same path to/x.txt" in result.stderr
        assert "/a/sub/x.txt and /b/sub/x.txt would have the same path to/sub/x.txt" in result.stderr
    assert sorted(path.name for path in (shell.home / "to").rglob("*")) == ["a.txt", "b.txt", "sub"]
    assert (await shell.ok("get", "/a/x.txt", "/a/*.txt", "--to", "to")).lines == ["to/x.txt"]


async def test_download_leaves_no_part_files_and_upload_leaves_them_out(shell: Shell) -> None:
    faces = "\N{GRINNING FACE}" * 60
    (shell.home / "a.txt").write_text("a")
    await shell.ok("mkdir", "/d")
    await shell.ok("put", "a.txt", "--to", "/d", "--name", faces)
    await shell.ok("put", "a.txt", "--to", "/d")
    assert len((await shell.ok("get", "/d")).lines) == 2
    folder = shell.home / "d"
    assert sorted(path.name for path in folder.iterdir()) == sorted(["a.txt", faces])
    missing = await shell("get", "/d/a.txt", "-o", "none/b.txt")
    assert (missing.status, "part" in missing.stderr) == (3, False)
    assert "none: No such file or directory" in missing.stderr
    for name in (".drivebay-" + "0" * 32 + ".part", ".a.txt.019ab000-0000-7000-8000-000000000000.part.json"):
        (folder / name).write_text("left")
    put = await shell.ok("put", "d", "--to", "/again", "-p", "--json")
    assert len(put.json) == 2
    assert len(put.stderr.splitlines()) == 2
