"""The command `watch`: changes as they happen."""

import asyncio
import json

from .shell import Shell


async def test_watch_prints_changes_and_continues_from_a_cursor(shell: Shell) -> None:
    process = await shell.start("watch", "--json", "--count", "2")
    assert process.stdout is not None
    first: list[bytes] = []

    async def make_folders() -> None:
        # The command has the cursor of its start only some time after that. Folders are made until it prints the first.
        number = 0
        while not first:
            await shell.ok("mkdir", f"/{number}")
            number += 1

    async with asyncio.timeout(180):
        making = asyncio.create_task(make_folders())
        first.append(await process.stdout.readline())
        await making
        await shell.ok("mv", "/0", "/renamed")
        rest, _ = await process.communicate()
    changes = [json.loads(line) for line in first + rest.splitlines()]
    assert len(changes) == 2
    assert changes[0]["what"] == "created"
    assert changes[0]["file"]["kind"] == "folder"
    assert process.returncode == 0
    lines = (await shell.ok("watch", "--cursor", changes[0]["cursor"], "--count", "1")).lines
    assert changes[1]["file_id"] in lines[0]
    assert changes[1]["what"] in lines[0]
    wrong = await shell("watch", "--cursor", "x")
    assert wrong.status != 0
    assert "cursor" in wrong.stderr


async def test_watch_ends_with_ctrl_c(shell: Shell) -> None:
    process = await shell.start("watch", "--json")
    assert process.stdout is not None
    async with asyncio.timeout(180):
        reading = asyncio.create_task(process.stdout.readline())
        number = 0
        while not reading.done():
            await shell.ok("mkdir", f"/{number}")
            number += 1
        process.send_signal(2)
        await process.communicate()
    assert process.returncode == 130
