"""`sync`, the filters of `put` and `get`, `du`, and several logins."""

import json
import os
from pathlib import Path

import pytest

from drivebay.cli.user.name_filter import NameFilter

from .shell import Shell

pytestmark = pytest.mark.slow


def write_tree(top: Path, contents: dict[str, str]) -> None:
    for name, content in contents.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(content)


def read_tree(top: Path) -> dict[str, str]:
    return {str(path.relative_to(top)): path.read_text() for path in top.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ([], [], ["a.txt", "b.tmp", "raw/a.txt", "raw/b.tmp"]),
        ([], ["*.tmp"], ["a.txt", "raw/a.txt"]),
        ([], ["raw/*.tmp"], ["a.txt", "b.tmp", "raw/a.txt"]),
        ([], ["raw/"], ["a.txt", "b.tmp"]),
        (["*.txt"], [], ["a.txt", "raw/a.txt"]),
        (["*.txt"], ["raw"], ["a.txt"]),
        (["raw/*"], [], ["raw/a.txt", "raw/b.tmp"]),
    ],
)
def test_filter_takes_files_by_their_patterns(include: list[str], exclude: list[str], taken: list[str]) -> None:
    name_filter = NameFilter(include, exclude)
    files = [
        path
        for path in ("a.txt", "b.tmp", "raw/a.txt", "raw/b.tmp")
        if name_filter.selects(path, is_folder=False)
        and all(name_filter.selects(str(parent), is_folder=True) for parent in list(Path(path).parents)[:-1])
    ]
    assert files == taken


async def test_filters_apply_to_put_and_get(shell: Shell) -> None:
    write_tree(shell.home / "top", {"a.txt": "a", "b.tmp": "b", "raw/c.txt": "c", "deep/d.txt": "d", "deep/e.tmp": "e"})
    put = await shell.ok("put", "top", "--exclude", "*.tmp", "--exclude", "raw")
    assert sorted(put.lines) == ["/top/a.txt", "/top/deep/d.txt"]
    assert sorted((await shell.ok("put", "top", "--include", "*.tmp")).lines) == ["/top/b.tmp", "/top/deep/e.tmp"]
    (shell.home / "to").mkdir()
    got = await shell.ok("get", "/top", "--to", "to", "--include", "*.txt", "--exclude", "deep/d*")
    assert got.lines == ["to/top/a.txt"]
    sizes = (await shell.ok("du", "/top", "/top/deep/d.txt", "--json")).json
    assert sizes == [
        {"path": "/top", "bytes": 4, "files": 4, "folders": 2},
        {"path": "/top/deep/d.txt", "bytes": 1, "files": 1, "folders": 0},
    ]
    (line,) = (await shell.ok("du", "-b")).lines
    assert line.split() == ["4", "4", "files", "/"]


async def test_sync_makes_a_folder_on_the_server_equal(shell: Shell) -> None:
    top = shell.home / "top"
    write_tree(top, {"same.txt": "same", "changed.txt": "one", "sub/deep/new.txt": "new", "left-out.tmp": "tmp"})
    assert len((await shell.ok("sync", "top", "/mirror", "--dry-run")).lines) == 4
    assert (await shell("ls", "/mirror")).status == 3
    first = await shell.ok("sync", "top", "/mirror", "--exclude", "*.tmp", "--json")
    assert sorted(row["path"] for row in first.json) == [
        "/mirror/changed.txt",
        "/mirror/same.txt",
        "/mirror/sub/deep/new.txt",
    ]
    assert (await shell.ok("sync", "top", "/mirror", "--exclude", "*.tmp")).lines == []
    (top / "changed.txt").write_text("two")
    (top / "sub" / "deep" / "new.txt").unlink()
    (top / "sub" / "deep").rmdir()
    await shell.ok("put", "top/left-out.tmp", "--to", "/mirror")
    expected = ["upload    /mirror/changed.txt", "delete    /mirror/sub/deep"]
    arguments = ("sync", "top", "/mirror", "--delete")
    (top / "left-out.tmp").unlink()
    # With a filter, what it leaves out is not deleted either, and folders stay.
    dry = await shell.ok(*arguments, "--dry-run", "--exclude", "*.tmp")
    assert sorted(dry.lines) == sorted([expected[0], "delete    /mirror/sub/deep/new.txt"])
    assert sorted((await shell.ok(*arguments)).lines) == sorted([*expected, "delete    /mirror/left-out.tmp"])
    assert (await shell.ok(*arguments)).lines == []
    assert (await shell.ok("cat", "/mirror/changed.txt")).text == "two"
    assert sorted((await shell.ok("ls", "--trash")).lines) == ["deep/", "left-out.tmp"]


async def test_sync_makes_a_local_folder_equal(shell: Shell) -> None:
    write_tree(shell.home / "top", {"same.txt": "same", "changed.txt": "one", "sub/new.txt": "new"})
    await shell.ok("put", "top")
    target = shell.home / "copy" / "of top"
    write_tree(target, {"same.txt": "same", "changed.txt": "other", "extra.txt": "x", "extra/deep/y.txt": "y"})
    outside = shell.home / "outside"
    write_tree(outside, {"kept.txt": "kept"})
    (target / "link").symlink_to(outside)
    (target / (".drivebay-" + "0" * 32 + ".part")).write_text("part")
    before = read_tree(target)
    dry = await shell.ok("sync", "/top", "copy/of top", "--delete", "--dry-run")
    assert read_tree(target) == before
    result = await shell.ok("sync", "/top", str(target), "--down", "--delete")
    assert sorted(line.split("  ", 1)[0] for line in dry.lines) == sorted(
        line.split("  ", 1)[0] for line in result.lines
    )
    assert read_tree(target) == {
        "same.txt": "same",
        "changed.txt": "one",
        "sub/new.txt": "new",
        ".drivebay-" + "0" * 32 + ".part": "part",
    }
    assert not (target / "extra").exists()
    assert not (target / "link").is_symlink()
    assert read_tree(outside) == {"kept.txt": "kept"}
    assert (await shell.ok("sync", "/top", "copy/of top", "--delete")).lines == []


async def test_times_are_kept_both_ways_and_unchanged_files_are_not_read(shell: Shell) -> None:
    top, back = shell.home / "top", shell.home / "back"
    write_tree(top, {"a.txt": "one", "large.bin": "x" * 100_000, "old.txt": "old"})
    for name, time in (("a.txt", 981173106), ("large.bin", 1_000_000_000), ("old.txt", -5)):
        os.utime(top / name, ns=(time * 10**9, time * 10**9 + 123_456_000))
    await shell.ok("put", "top")
    await shell.ok("sync", "/top", "back")
    for name in ("a.txt", "large.bin"):
        assert (back / name).stat().st_mtime_ns == (top / name).stat().st_mtime_ns
    (shell.home / "to").mkdir()
    await shell.ok("get", "/top", "--to", "to")
    assert (shell.home / "to/top/a.txt").stat().st_mtime_ns == 981173106123456000
    # The same size and time: the content is not looked at, unless the user asks for that.
    stat = (back / "a.txt").stat()
    (back / "a.txt").write_text("two")
    os.utime(back / "a.txt", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (await shell.ok("sync", "back", "/top", "--up", "--dry-run", "--exclude", "old.txt")).lines == []
    assert (await shell.ok("put", "back/a.txt", "--to", "/top", "--json")).json[0]["status"] == "there"
    assert (await shell("put", "back/a.txt", "--to", "/top", "--checksum")).status == 5
    checked = await shell.ok("sync", "back", "/top", "--checksum", "--exclude", "old.txt")
    assert checked.lines == ["upload    /top/a.txt"]
    # Another time and the same bytes: only the time is changed, and only once.
    for source, target, changed in (("top", "/top", "large.bin"), ("/top", "top", "large.bin")):
        os.utime(top / changed, ns=(0, 1_100_000_000 * 10**9))
        arguments = ("sync", source, target, "--exclude", "*.txt")
        assert [line.split()[0] for line in (await shell.ok(*arguments)).lines] == (["time"] if source == "top" else [])
        assert (await shell.ok(*arguments)).lines == []
    os.utime(top / "large.bin", ns=(0, 5))
    assert (await shell.ok("sync", "/top", "top", "--exclude", "*.txt")).lines == ["time      top/large.bin"]
    assert (top / "large.bin").stat().st_mtime_ns == 1_100_000_000 * 10**9


async def test_permission_bits_are_kept_both_ways(shell: Shell) -> None:
    top, back = shell.home / "top", shell.home / "back"
    write_tree(top, {"plain.txt": "plain", "run.sh": "run", "secret.txt": "secret", "wide.txt": "wide"})
    modes = {"run.sh": 0o755, "secret.txt": 0o600, "wide.txt": 0o666}
    for name, mode in modes.items():
        (top / name).chmod(mode)
    await shell.ok("put", "top")
    plain = (top / "plain.txt").stat().st_mode & 0o777
    back.mkdir()
    await shell.ok("get", "/top", "--to", "back")
    await shell.ok("sync", "/top", "synced")
    for copy in (back / "top", shell.home / "synced"):
        found = {path.name: path.stat().st_mode & 0o777 for path in copy.iterdir()}
        # The umask of whoever downloads applies: no file becomes writable for others by what its sender did.
        assert found == modes | {"plain.txt": plain, "wide.txt": plain}
    # Files that have the same bytes get the bits, as they get the time, and only once.
    (top / "plain.txt").chmod(0o700)
    (top / "run.sh").chmod(plain)
    assert sorted((await shell.ok("sync", "top", "/top")).lines) == [
        "mode      /top/plain.txt",
        "mode      /top/run.sh",
    ]
    assert (await shell.ok("sync", "top", "/top")).lines == []
    assert (await shell.ok("sync", "/top", "synced")).lines == ["mode      synced/plain.txt"]
    assert (shell.home / "synced/plain.txt").stat().st_mode & 0o777 == 0o700
    await shell.ok("get", "/top", "--to", "back")
    assert (back / "top/plain.txt").stat().st_mode & 0o777 == 0o700
    # A new version has the bits of its source, not those of the version before.
    (top / "secret.txt").write_text("no secret")
    (top / "secret.txt").chmod(plain)
    await shell.ok("put", "top/secret.txt", "--to", "/top", "--on-conflict", "replace")
    await shell.ok("get", "/top/secret.txt", "--to", "back")
    assert (back / "secret.txt").stat().st_mode & 0o777 == plain


async def test_sync_back_finds_local_files_in_another_unicode_form(shell: Shell) -> None:
    decomposed = {"cafe\u0301.txt": "one", "o\u0308/in.txt": "two"}
    write_tree(shell.home / "here", decomposed)
    await shell.ok("sync", "here", "/there")
    assert sorted((await shell.ok("ls", "/there")).lines) == ["caf\u00e9.txt", "\u00f6/"]
    assert (await shell.ok("sync", "/there", "here", "--delete")).lines == []
    assert read_tree(shell.home / "here") == decomposed
    write_tree(shell.home / "here", {"caf\u00e9.txt": "an exact name counts first"})
    assert (await shell.ok("sync", "/there", "here", "--delete")).lines == [
        "download  here/caf\u00e9.txt",
        "delete    here/cafe\u0301.txt",
    ]


async def test_sync_keeps_a_file_that_has_two_names(shell: Shell) -> None:
    """As on a disk that ignores case: two names of one file, of which the server has one."""
    write_tree(shell.home / "top", {"A.txt": "same"})
    await shell.ok("put", "top")
    (shell.home / "top/a.txt").hardlink_to(shell.home / "top/A.txt")
    assert (await shell.ok("sync", "/top", "top", "--down", "--delete")).lines == []
    assert read_tree(shell.home / "top") == {"A.txt": "same", "a.txt": "same"}


async def test_sync_deletes_nothing_if_something_failed(shell: Shell) -> None:
    top = shell.home / "top"
    write_tree(top, {"a.txt": "a", "b.txt": "b"})
    await shell.ok("sync", "top", "/mirror")
    (top / "b.txt").unlink()
    (top / os.fsdecode(b"bad\xff")).write_text("bad")
    result = await shell("sync", "top", "/mirror", "--delete", "--json")
    assert (result.status, result.stdout) == (1, b"")
    assert "nothing was deleted" in json.loads(result.stderr.splitlines()[-1])["note"]
    assert (await shell.ok("ls", "/mirror")).lines == ["a.txt", "b.txt"]
    # A dry run says what a run would do: it fails for the same names.
    (top / "line\nfeed").mkdir()
    (top / "line\nfeed/inner").write_text("inner")
    (top / "new.txt").write_text("new")
    result = await shell("sync", "top", "/mirror", "--dry-run", "--json")
    assert (result.status, [step["path"] for step in result.json]) == (1, ["/mirror/new.txt"])
    problems = [json.loads(line) for line in result.stderr.splitlines()]
    assert sum("cannot be a name on the server" in problem.get("detail", "") for problem in problems) == 2
    for arguments in (("a", "b"), ("/a", "/b"), ("/a", "b", "--up"), ("a", "/b", "--up", "--down")):
        assert (await shell("sync", *arguments)).status == 2
    assert (await shell("sync", "none", "/mirror")).status == 3
    assert (await shell("sync", "/none", "copy")).status == 3


async def test_profiles_are_separate_logins(shell: Shell) -> None:
    other = Shell(shell.home, shell.server, {"DRIVEBAY_PROFILE": "work"})
    assert (await other.authenticate()).status == 0
    assert (await shell.ok("whoami")).lines == [shell.email]
    assert (await shell.ok("whoami", "--profile", "work")).lines == [other.email]
    (shell.home / "a.txt").write_text("Hello!")
    await shell.ok("put", "a.txt", "--profile", "work")
    assert (await shell.ok("drives", "list", "--profile", "work")).lines == (
        await shell.ok("drives", "--profile", "work", "list")
    ).lines
    assert ((await shell.ok("ls")).lines, (await other.ok("ls")).lines) == ([], ["a.txt"])
    await shell.ok("logout", "--profile", "work")
    assert (await shell.ok("whoami")).lines == [shell.email]
    logged_out = await shell("ls", "--profile", "work")
    assert (logged_out.status, "--profile work" in logged_out.stderr) == (4, True)
    for name in ("../login", "", "a b"):
        assert (await shell("ls", "--profile", name)).status == 2
