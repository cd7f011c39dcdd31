"""The README's walk works when pasted, in order, from top to bottom."""

import asyncio
import re
from pathlib import Path

from drivebay.testing.world import World

README = Path(__file__).parents[2] / "README.md"


def walk() -> str:
    """The shell blocks between the walk's heading and the next one."""
    section = README.read_text("utf-8").split("## The whole life of a file, with curl", 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE))


async def test_the_walk_in_the_readme_works(a_world: World) -> None:
    script = walk()
    assert script.count("curl ") >= 10
    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        script,
        env=a_world.variables() | {"API": a_world.api, "TMPDIR": str(a_world.folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out = (await asyncio.wait_for(shell.communicate(), 60))[0].decode()
    assert shell.returncode == 0, out
    assert "\nsame\n" in out
    assert '"status":"complete"' in out.replace(" ", "")
    assert '"code"' not in out, out
