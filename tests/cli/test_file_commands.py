"""The commands for files: what they print, as text and as JSON, and what they do on the server."""

import asyncio
import json
import os
import signal
import sys
import zipfile
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from .shell import EXIT_TIMEOUT, Shell

pytestmark = pytest.mark.slow


async def test_commands_work_from_upload_to_restore(shell: Shell) -> None:
    home = shell.home
    assert (await shell.ok("whoami")).lines == [shell.email]
    await shell.ok("mkdir", "-p", "/reports/2026")
    (home / "a.txt").write_text("Hello!")
    assert (await shell.ok("put", "a.txt", "--to", "/reports/2026")).lines == ["/reports/2026/a.txt"]
    assert (await shell.ok("ls")).lines == ["reports/"]
    assert (await shell.ok("ls", "/reports/2026")).lines == ["a.txt"]
    assert (await shell.ok("ls", "--tree")).lines == ["/", "└── reports/", "    └── 2026/", "        └── a.txt"]
    (long,) = (await shell.ok("ls", "-l", "/reports/2026/a.txt")).lines
    assert "6 B" in long
    assert long.endswith("a.txt")
    assert (await shell.ok("cat", "/reports/2026/a.txt")).stdout == b"Hello!"
    assert (await shell.ok("link", "/reports/2026/a.txt")).text.startswith("http://")
    await shell.ok("mv", "/reports/2026/a.txt", "/b.txt")
    assert (await shell.ok("get", "/b.txt")).lines == ["b.txt"]
    assert (home / "b.txt").read_text() == "Hello!"
    await shell.ok("rm", "/b.txt")
    assert (await shell.ok("ls", "--trash")).lines == ["b.txt"]
    assert (await shell.ok("restore", "b.txt")).lines == ["b.txt"]
    assert (await shell.ok("ls")).lines == ["b.txt", "reports/"]
    status = await shell.ok("status")
    assert shell.email in status.text
    assert "6 B of" in status.text
    (home / "c.txt").write_text("Gone!")
    await shell.ok("put", "c.txt")
    await shell.ok("rm", "/b.txt", "/c.txt")
    assert (await shell.ok("trash", "delete", "b.txt")).lines == ["b.txt"]
    assert (await shell("trash", "delete", "b.txt")).status == 3
    refused = await shell("trash", "empty")
    assert (refused.status, "--yes" in refused.stderr) == (2, True)
    assert (await shell.ok("ls", "--trash")).lines == ["c.txt"]
    assert (await shell.ok("trash", "empty", "--yes")).lines == ["c.txt"]
    assert (await shell.ok("ls", "--trash")).lines == []
    (home / "b.txt").write_text("Hello!")
    await shell.ok("put", "b.txt")
    await shell.ok("logout")
    assert (await shell("whoami")).status == 4
    assert (await shell.authenticate("login")).lines == [f"{shell.email} at {shell.server}"]
    assert (await shell.ok("ls")).lines == ["b.txt", "reports/"]


async def test_results_are_json_with_the_json_option(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    assert (await shell.ok("whoami", "--json")).json["email"] == shell.email
    (created,) = (await shell.ok("mkdir", "/d", "--json")).json
    assert (created["kind"], created["name"]) == ("folder", "d")
    (put,) = (await shell.ok("put", "a.txt", "--to", "/d", "--json")).json
    assert (put["path"], put["size"], put["status"]) == ("/d/a.txt", 6, "stored")
    assert (await shell.ok("put", "a.txt", "--to", "/d", "--json")).json[0]["status"] == "there"
    (listed,) = (await shell.ok("ls", "/d", "--json")).json
    assert listed["id"] == put["id"]
    assert [row["path"] for row in (await shell.ok("ls", "--tree", "--json")).json] == ["/d", "/d/a.txt"]
    assert [row["path"] for row in (await shell.ok("ls", "--tree", "/d/", "--json")).json] == ["/d/a.txt"]
    assert [row["path"] for row in (await shell.ok("ls", "--tree", created["id"], "--json")).json] == ["/d/a.txt"]
    assert (await shell.ok("ls", "--tree", "/d/a.txt", "--json")).json == [listed]
    assert set((await shell.ok("link", "/d/a.txt", "--temporary", "--json")).json) == {"url", "expires_at"}
    (got,) = (await shell.ok("get", "/d/a.txt", "--json", "-o", "x")).json
    assert (got["path"], got["status"]) == ("x", "fetched")
    assert (await shell.ok("get", "/d/a.txt", "--json", "-o", "x")).json[0]["status"] == "here"
    assert (await shell.ok("mv", "/d/a.txt", "/d/b.txt", "--json")).json["name"] == "b.txt"
    assert (await shell.ok("rm", "/d/b.txt", "--json")).json[0]["name"] == "b.txt"
    assert (await shell.ok("ls", "/d", "--json")).json == []
    assert (await shell.ok("restore", "b.txt", "--json")).json[0]["id"] == put["id"]
    status = (await shell.ok("status", "--json")).json
    assert (status["server"], status["unfinished"]) == (shell.server, [])
    assert status["account"]["usage"]["used_bytes"] == 6


async def test_standard_output_is_empty_after_an_error(shell: Shell) -> None:
    assert (await shell("cat", "/none")).stdout == b""
    missing = await shell("ls", "/none", "--json")
    assert (missing.status, missing.stdout) == (3, b"")
    assert json.loads(missing.stderr)["error"] == "not_found"


async def test_move_into_a_missing_folder_renames_nothing(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    await shell.ok("put", "a.txt")
    assert (await shell("mv", "/a.txt", "/folder/")).status == 3
    assert (await shell("mv", "/a.txt", "/a.txt/")).status == 5
    assert (await shell.ok("ls")).lines == ["a.txt"]


async def test_tree_draws_branches_of_folders_before_the_last_one(shell: Shell) -> None:
    (shell.home / "top" / "a").mkdir(parents=True)
    for path in ("a/1.txt", "a/2.txt", "b.txt"):
        (shell.home / "top" / Path(path)).write_text(path)
    await shell.ok("put", "top")
    assert (await shell.ok("ls", "--tree", "/top")).lines == [
        "top/",
        "├── a/",
        "│   ├── 1.txt",
        "│   └── 2.txt",
        "└── b.txt",
    ]


async def test_rm_takes_glob_patterns(shell: Shell) -> None:
    (shell.home / "f").write_text("Hello!")
    for name in ("a.txt", "b.txt", "c.md", "[x].md"):
        await shell.ok("put", "f", "--name", name)
    await shell.ok("mkdir", "/d.txt")
    assert (await shell("rm", "/*.txt")).status == 2  # a folder matches: nothing is moved
    assert (await shell("rm", "/*.none")).status == 3
    assert len((await shell.ok("ls")).lines) == 5
    removed = (await shell.ok("rm", "-r", "/*.txt", "/a*", "/[x].md", "--json")).json
    assert sorted(file["name"] for file in removed) == ["[x].md", "a.txt", "b.txt", "d.txt"]
    assert (await shell.ok("ls")).lines == ["c.md"]
    await shell.ok("put", "f", "--name", "caf\u00e9.log")
    await shell.ok("rm", "/*fe\u0301.log")  # the server stores names in NFC
    assert (await shell.ok("ls")).lines == ["c.md"]
    assert (await shell.ok("restore", "cafe\u0301.log")).lines == ["caf\u00e9.log"]


async def test_a_name_selects_no_drive_of_someone_else(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = Shell(tmp_path / "stranger", shell.server)
    assert (await stranger.authenticate("signup")).status == 0
    theirs = (await stranger.ok("drives", "create", "Team")).lines[0].split()[0]
    (shell.home / "secret").write_text("Hello!")
    for role in ("editor", "manager"):
        await stranger.ok("drives", "share", theirs, shell.email, "--role", role)
        refused = await shell("put", "secret", "--drive", "Team")
        assert refused.status == 3
        assert theirs in refused.stderr
    await shell.ok("put", "secret", "--drive", theirs)
    own = (await shell.ok("drives", "create", "Team")).lines[0].split()[0]
    await shell.ok("mkdir", "--drive", "Team", "/mine")
    assert (await shell.ok("ls", "--drive", own)).lines == ["mine/"]
    assert (await shell.ok("drives", "leave", theirs)).lines[0].startswith(theirs)
    assert theirs not in (await shell.ok("drives", "list")).text


async def test_commands_work_in_a_shared_drive(shell: Shell) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    (created,) = (await shell.ok("drives", "create", "Team")).lines
    id = created.split()[0]
    assert created.endswith("Team")
    await shell.ok("mkdir", "--drive", "Team", "/d")
    assert (await shell.ok("put", "a.txt", "--to", "/d", "--drive", id)).lines == ["/d/a.txt"]
    assert (await shell.ok("ls", "--drive", "Team", "/d")).lines == ["a.txt"]
    assert (await shell.ok("ls")).lines == []
    shell.variables["DRIVEBAY_DRIVE"] = "Team"
    assert (await shell.ok("cat", "/d/a.txt")).stdout == b"Hello!"
    assert (await shell.ok("whoami")).lines == [shell.email]
    assert (await shell.ok("ls", "--drive", "Personal")).lines == []
    del shell.variables["DRIVEBAY_DRIVE"]
    members = (await shell.ok("drives", "members", "Team", "--json")).json
    assert [(member["email"], member["role"]) for member in members] == [(shell.email, "manager")]
    assert (await shell("drives", "unshare", "Team", shell.email)).status == 5
    assert (await shell("drives", "share", "Team", "nobody@example.com")).status == 3
    assert (await shell("ls", "--drive", "Crew")).status == 3
    assert (await shell.ok("drives", "rename", "Team", "Crew")).lines[0].endswith("Crew")
    refused = await shell("drives", "delete", "Crew")
    assert (refused.status, "--yes" in refused.stderr) == (2, True)
    await shell.ok("drives", "delete", "Crew", "--yes")
    assert [drive["kind"] for drive in (await shell.ok("drives", "list", "--json")).json] == ["personal"]


async def test_commands_work_on_a_shared_item(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "guest").mkdir()
    guest = Shell(tmp_path / "guest", shell.server)
    assert (await guest.authenticate("signup")).status == 0
    (shell.home / "a.txt").write_text("Hello!")
    (guest.home / "b.txt").write_text("Bye!")
    await shell.ok("mkdir", "-p", "/top/reports/2026")
    await shell.ok("put", "a.txt", "--to", "/top/reports/2026")
    shared = await shell.ok("share", "/top/reports", guest.email, "--role", "editor")
    assert shared.lines == [f"editor  {guest.email}"]
    assert (await shell.ok("share", "/top/reports", "--list")).lines == shared.lines
    assert guest.email in (await shell.ok("share", "/top/reports/2026", "--list")).lines[0]
    assert (await shell("share", "/top/reports")).status == 2
    assert (await shell("share", "/top/reports", "nobody@example.com")).status == 3

    (line,) = (await guest.ok("shared")).lines
    id = line.split()[0]
    assert line.split()[1:] == ["editor", "reports/"]
    assert (await guest.ok("ls", "--shared", "reports")).lines == ["2026/"]
    assert (await guest.ok("ls", "/2026", "--shared", id)).lines == ["a.txt"]
    assert (await guest.ok("cat", "/2026/a.txt", "--shared", id)).stdout == b"Hello!"
    assert (await guest("cat", "/2026/none", "--shared", id)).status == 3
    await guest.ok("put", "b.txt", "--to", "/2026", "--shared", "reports")
    await guest.ok("mkdir", "-p", "/2026/deep/er", "--shared", "reports")
    await guest.ok("rm", "/2026/a.txt", "--shared", "reports")
    assert (await shell.ok("ls", "/top/reports/2026")).lines == ["b.txt", "deep/"]
    assert (await guest("rm", "-r", "/", "--shared", "reports")).status != 0
    assert (await guest("ls", "--trash", "--shared", "reports")).status == 4

    await shell.ok("mkdir", "/reports")
    await shell.ok("share", "/reports", guest.email)
    ambiguous = await guest("ls", "--shared", "reports")
    assert (ambiguous.status, id in ambiguous.stderr) == (5, True)
    assert (await guest.ok("ls", "--shared", id)).lines == ["2026/"]
    above = await shell("unshare", "/top/reports/2026", guest.email)
    assert (above.status, id in above.stderr) == (3, True)
    await shell.ok("unshare", "/top/reports", guest.email)
    (line,) = (await guest.ok("shared")).lines
    await guest.ok("shared", "--leave", line.split()[0])
    assert (await guest.ok("shared")).lines == []
    assert (await guest("ls", "--shared", "reports")).status == 3


async def test_versions_are_listed_restored_and_deleted_and_files_are_copied(shell: Shell) -> None:
    for text in ("one", "three"):
        (shell.home / "a.txt").write_text(text)
        await shell.ok("put", "--on-conflict", "replace", "a.txt")
    new, old = (await shell.ok("versions", "/a.txt", "--json")).json
    assert (new["current"], old["current"], old["size"]) == (True, False, 3)
    listed = (await shell.ok("versions", "/a.txt")).lines
    assert [line[0] for line in listed] == ["*", " "]
    assert old["id"] in listed[1]
    assert set((await shell.ok("versions", "/a.txt", "--link", old["id"], "--json")).json) == {"url", "expires_at"}
    assert (await shell.ok("versions", "/a.txt", "--restore", old["id"], "--json")).json["size"] == 3
    assert (await shell.ok("cat", "/a.txt")).stdout == b"one"
    assert [line.split()[-2] for line in (await shell.ok("activity", "/a.txt")).lines] == [
        "content",
        "content",
        "created",
    ]
    assert (await shell.ok("activity", "/a.txt", "--json")).json[-1]["what"] == "created"
    await shell.ok("versions", "/a.txt", "--delete", new["id"])
    assert len((await shell.ok("versions", "/a.txt")).lines) == 2
    current = (await shell.ok("versions", "/a.txt", "--json")).json[0]["id"]
    assert (await shell("versions", "/a.txt", "--delete", current)).status == 5
    assert (await shell("versions", "/a.txt", "--delete", current, "--restore", current)).status == 2
    await shell.ok("mkdir", "/d")
    await shell.ok("cp", "/a.txt", "/d")
    await shell.ok("cp", "/a.txt", "/b.txt")
    await shell.ok("cp", "/a.txt", "/b.txt", "/d")
    await shell.ok("cp", "/d", "/e")
    assert (await shell.ok("ls", "/e")).lines == ["a (1).txt", "a.txt", "b.txt"]
    await shell.ok("cp", "--replace", "/b.txt", "/e/a.txt")
    assert len((await shell.ok("versions", "/e/a.txt")).lines) == 2
    assert (await shell("cp", "/d", "/d/e")).status == 5
    assert (await shell("cp", "/", "/e")).status == 2


async def test_files_are_copied_into_another_drive(shell: Shell) -> None:
    for name in ("a.txt", "b.txt"):
        (shell.home / name).write_text(name)
    await shell.ok("put", "a.txt", "b.txt")
    await shell.ok("mkdir", "/d")
    await shell.ok("drives", "create", "Team")
    copy = (await shell.ok("cp", "/a.txt", "/c.txt", "--to-drive", "Team", "--json")).json
    assert (await shell.ok("cat", "/c.txt", "--drive", copy["drive_id"])).stdout == b"a.txt"
    await shell.ok("mkdir", "/to", "--drive", "Team")
    await shell.ok("cp", "/a.txt", "/b.txt", "/d", "/to/", "--to-drive", "Team")
    assert (await shell.ok("ls", "/to", "--drive", "Team")).lines == ["a.txt", "b.txt", "d/"]
    refused = await shell("cp", "/a.txt", "/b.txt", "/c.txt", "--to-drive", "Team")
    assert (refused.status, "/c.txt is a file" in refused.stderr) == (5, True)
    assert (await shell("cp", "/a.txt", "/to", "--to-drive", "no drive")).status == 3


async def test_several_files_are_moved_starred_and_restored(shell: Shell) -> None:
    for name in ("a.txt", "b.txt"):
        (shell.home / name).write_text(name)
    await shell.ok("put", "a.txt", "b.txt")
    await shell.ok("mkdir", "-p", "/to/deep")
    await shell.ok("mv", "/a.txt", "/b.txt", "/to")
    assert (await shell.ok("ls", "/to")).lines == ["a.txt", "b.txt", "deep/"]
    assert (await shell("mv", "/to/deep", "/to/a.txt", "/to/b.txt")).status == 5
    assert (await shell("mv", "/to", "/to/deep")).status == 5
    await shell.ok("star", "/to/b.txt", "/to")
    assert (await shell.ok("ls", "--starred")).lines == ["b.txt", "to/"]
    await shell.ok("star", "--remove", "/to")
    assert (await shell.ok("ls", "--starred")).lines == ["b.txt"]
    deep = (await shell.ok("ls", "/to", "--json")).json[2]["id"]
    await shell.ok("put", "a.txt", "--to", "/to/deep")
    (row,) = (await shell.ok("ls", "--tree", deep, "--json")).json
    assert row["path"] == "/to/deep/a.txt"
    await shell.ok("rm", "/to/b.txt", "/to/deep/a.txt")
    assert (await shell.ok("restore", "b.txt", "a.txt", "--to", "/to/deep")).lines == ["b.txt", "a.txt"]
    assert (await shell.ok("ls", "/to/deep")).lines == ["a.txt", "b.txt"]


async def test_files_are_downloaded_as_one_zip_file(shell: Shell) -> None:
    await shell.ok("mkdir", "-p", "/folder/deep")
    (shell.home / "a.txt").write_text("hello")
    await shell.ok("put", "a.txt", "--to", "/folder/deep")
    await shell.ok("put", "a.txt")
    assert (await shell.ok("get", "--zip", "/folder")).lines == ["folder.zip"]
    (result,) = (await shell.ok("get", "--zip", "/folder", "/a.txt", "-o", "both.zip", "--json")).json
    both = shell.home / "both.zip"
    assert (result["path"], result["size"]) == ("both.zip", both.stat().st_size)
    with zipfile.ZipFile(both) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["a.txt", "folder/", "folder/deep/", "folder/deep/a.txt"]
    assert (await shell("get", "--zip", "/folder")).status != 0
    await shell.ok("get", "--zip", "-f", "/")
    await shell.ok("get", "--zip", "-f", "/folder")
    assert (await shell("get", "--zip", "/", "--include", "*")).status == 2


async def test_search_prints_paths(shell: Shell) -> None:
    await shell.ok("mkdir", "-p", "/Reports/2026")
    (shell.home / "Quarterly report.txt").write_text("Hello!")
    await shell.ok("put", "Quarterly report.txt", "--to", "/Reports/2026")
    assert (await shell.ok("search", "report")).lines == ["/Reports/", "/Reports/2026/Quarterly report.txt"]
    assert (await shell.ok("search", "quartely", "--files", "--in", "/Reports")).lines == [
        "/Reports/2026/Quarterly report.txt"
    ]
    (long,) = (await shell.ok("search", "report", "-l", "--type", "document", "--after", "2026-01-01")).lines
    assert "6 B" in long
    (found,) = (await shell.ok("search", "report", "--json", "--min-size", "6")).json
    assert found["path"] == "/Reports/2026/Quarterly report.txt"
    assert (await shell.ok("search", "nothing of this name")).lines == []
    assert (await shell("search", "a", "--files", "--folders")).status == 2
    assert (await shell("search", "")).status != 0


async def test_a_link_is_created_used_listed_and_ended(shell: Shell, tmp_path: Path) -> None:
    (shell.home / "a.txt").write_text("Hello!")
    await shell.ok("mkdir", "-p", "/d/e")
    await shell.ok("put", "a.txt", "--to", "/d/e")
    made = (
        await shell.ok(
            *("link", "/d/e/a.txt", "--password-stdin", "--max-downloads", "2", "--expires", "7d", "--json"),
            stdin=b"sesame\n",
        )
    ).json
    assert (made["max_downloads"], made["has_password"]) == (2, True)
    assert made["url"].startswith(f"{shell.server}/s/")
    stranger = Shell(tmp_path, shell.server)  # without a login
    assert (await stranger.ok("get", made["url"], "--password-stdin", stdin=b"sesame\n")).lines == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "Hello!"
    assert (await stranger("get", made["url"], "--password-stdin", stdin=b"wrong\n")).status == 4
    assert (await stranger("get", made["url"], "/x")).status == 2
    folder = (await shell.ok("link", "/d", "--name", "all")).text.strip()
    assert (await stranger.ok("get", folder)).lines == ["d/e/a.txt"]
    assert (await stranger.ok("get", "--zip", folder)).lines == ["d.zip"]
    with zipfile.ZipFile(tmp_path / "d.zip") as opened:
        assert opened.namelist() == ["d/", "d/e/", "d/e/a.txt"]
    assert (await stranger("get", "--zip", folder)).status == 5
    (packed,) = (await stranger.ok("get", "--zip", "-f", "--json", folder)).json
    assert packed == {"path": "d.zip", "size": (tmp_path / "d.zip").stat().st_size}
    assert (await stranger("get", "--zip", folder, "--exclude", "e")).status == 2
    assert (tmp_path / "d/e/a.txt").stat().st_mtime_ns == (shell.home / "a.txt").stat().st_mtime_ns // 1000 * 1000
    (again,) = (await stranger.ok("get", folder, "--json", "-q")).json  # nothing is fetched twice
    assert (again["path"], again["size"], again["status"]) == ("d/e/a.txt", 6, "here")
    (tmp_path / "d/e/a.txt").write_text("Hallo!")
    os.utime(tmp_path / "d/e/a.txt", ns=(1, (shell.home / "a.txt").stat().st_mtime_ns))
    assert (await stranger.ok("get", folder, "--json")).json[0]["status"] == "here"  # by size and time
    assert (await stranger("get", folder, "--checksum")).status == 5  # it has other content
    assert (await stranger.ok("get", folder, "--checksum", "-f", "--json")).json[0]["status"] == "fetched"
    for options in (("--exclude", "*.txt"), ("--include", "*.md"), ("--exclude", "e")):
        assert (await stranger.ok("get", folder, "--to", str(tmp_path / "d"), *options)).lines == []
    lines = (await shell.ok("links")).lines
    assert len(lines) == 2
    assert lines[0].endswith("  /d  all")
    assert "1/2" in lines[1]
    assert lines[1].endswith("  /d/e/a.txt")
    (listed,) = (await shell.ok("links", "/d/e/a.txt", "--json")).json
    assert (listed["id"], listed["url"], listed["path"]) == (made["id"], None, "/d/e/a.txt")
    assert (await shell.ok("unlink", made["id"])).lines == [made["id"]]
    assert (await shell("unlink", made["id"])).status == 3
    assert (await stranger("get", made["url"])).status == 3
    assert (await shell("link", "/d", "--expires", "soon")).status == 2


async def test_options_of_a_link_are_refused_for_a_presigned_url(tmp_path: Path) -> None:
    for presigned, *option in (
        ("--temporary", "--role", "viewer"),
        ("--temporary", "--name", "mine"),
        ("--inline", "--password-stdin"),
        ("--temporary", "--expires", "7d"),
        ("--temporary", "--max-downloads", "1"),
    ):
        refused = await Shell(tmp_path, "")("link", "/a.txt", presigned, *option)
        assert (refused.status, refused.stdout) == (2, b"")
        assert f"exclude {option[0]}" in refused.stderr


async def test_cp_waits_for_the_job_that_copies_a_large_folder(shell: Shell) -> None:
    await shell.ok("mkdir", "-p", "/large/middle/x")
    await shell.ok("cp", *["/large/middle/x"] * 33, "/large/middle")
    await shell.ok("cp", *["/large/middle"] * 33, "/large")
    copied = await shell.ok("cp", "/large", "/copy", "--json")
    assert copied.json["name"] == "copy"
    copied = await shell.ok("cp", "/large", "/large", "/copy")
    id = copied.stderr.split("the job ")[1].split()[0]
    assert (await shell.ok("ls")).lines == ["copy/", "large/"]
    assert (await shell.ok("ls", "/copy")).lines.count("large/") == 1
    sizes = (await shell.ok("du", "/large", "/copy/large", "--json")).json
    assert len({json.dumps({key: size[key] for key in ("bytes", "files", "folders")}) for size in sizes}) == 1
    assert (await shell.ok("jobs", "show", id)).text.startswith("done  ")
    assert (await shell.ok("jobs", "wait", id, "--json")).json["name"] == "large"
    assert (await shell.ok("jobs", "cancel", id, "--json")).json["status"] == "done"
    assert (await shell("jobs", "show", "01a20000-0000-7000-8000-000000000000")).status == 3


async def test_ctrl_c_says_how_to_go_on_with_a_job(shell: Shell) -> None:
    script = """
import asyncio, signal, sys
from datetime import UTC, datetime
from drivebay.cli.user.console import run_command
from drivebay.cli.user.job_progress import wait_with_progress
from drivebay.client import Job

signal.signal(signal.SIGINT, signal.default_int_handler)  # the test run may ignore it

class Drive:
    async def wait_for_job(self, job, progress):
        print("waiting", flush=True)
        await asyncio.sleep(100)

job = Job("an-id", "copy", "running", 1, 2, "", datetime.now(UTC))
run_command(lambda: wait_with_progress(Drive(), job, False), False)
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), EXIT_TIMEOUT)
    process.send_signal(signal.SIGINT)
    _, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
    assert "drivebay jobs wait an-id" in stderr.decode()
    assert "drivebay jobs cancel an-id" in stderr.decode()
    assert "interrupted" in stderr.decode()


async def test_webhooks_are_added_listed_changed_and_removed(shell: Shell) -> None:
    made = (await shell.ok("webhooks", "add", "https://example.com/hook", "--what", "created", "--json")).json
    assert made["secret"].startswith("whsec_")
    (line,) = (await shell.ok("webhooks", "list")).lines
    assert line == f"{made['id']}  https://example.com/hook  enabled"
    await shell.ok("webhooks", "disable", made["id"])
    assert (await shell.ok("webhooks", "list")).lines == [f"{made['id']}  https://example.com/hook  disabled: by you"]
    await shell.ok("webhooks", "enable", made["id"])
    assert (await shell.ok("webhooks", "deliveries", made["id"])).lines == []
    assert (await shell("webhooks", "redeliver", made["id"], made["id"])).status == 3
    assert (await shell("webhooks", "add", "http://127.0.0.1")).status != 0
    assert (await shell.ok("webhooks", "remove", made["id"])).lines == [made["id"]]
    assert (await shell("webhooks", "disable", made["id"])).status == 3
