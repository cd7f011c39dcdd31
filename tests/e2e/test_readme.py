"""The commands in the README work when they are pasted in order."""

import asyncio
import re
from pathlib import Path

from drivebay.testing.world import World

README = Path(__file__).parents[2] / "README.md"
HEADING = "## Use the HTTP API with curl"


def shell_commands() -> str:
    """Return the shell blocks of the section about curl."""
    section = README.read_text("utf-8").split(HEADING, 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE))


async def test_curl_commands_of_the_readme_work(a_world: World) -> None:
    script = shell_commands()
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
    output = (await asyncio.wait_for(shell.communicate(), 60))[0].decode()
    assert shell.returncode == 0, output
    assert "\nsame\n" in output
    assert '"status":"complete"' in output.replace(" ", "")
    assert '"code"' not in output, output
