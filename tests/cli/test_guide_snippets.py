"""The Python and shell snippets of the guides, of the README and of the SDK's docstring work on a new account.

A snippet that needs Docker, a cluster or another program has `skip` behind its language. One with `as=grace` is run by
a second person, on a computer of her own.
"""

import asyncio
import re
import sys
import textwrap
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import NamedTuple

import pytest

from drivebay import client

from .shell import PASSWORD, Shell

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
CURL_SECTION = "## Use the HTTP API with curl"  # tests/e2e/test_readme.py runs it
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ADDRESS = re.compile(r"https://drive\.example\.com|http://127\.0\.0\.1:8080")
WRAPPER = """#!/bin/sh
# A person types the password; here it comes from the environment.
case "$1" in
login | signup) printf '%s\\n' "$PASSWORD" | exec "$PYTHON" -m drivebay.cli "$@" --password-stdin ;;
*) exec "$PYTHON" -m drivebay.cli "$@" ;;
esac
"""


class Snippet(NamedTuple):
    document: str
    language: str
    code: str

    @property
    def is_python(self) -> bool:
        return self.language.split()[0] in ("py", "python")

    @property
    def is_of_grace(self) -> bool:
        """Return whether a second person runs it."""
        return "as=grace" in self.language.split()


def all_snippets() -> list[Snippet]:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    before, _, after = readme.partition(CURL_SECTION)
    texts = {"README.md": before + "\n## " + after.partition("\n## ")[2]}
    for guide in sorted((REPOSITORY / "docs" / "guide").glob("*.md")):
        texts[guide.name] = guide.read_text("utf-8")
    snippets = [
        Snippet(document, language, code)
        for document, text in texts.items()
        for language, code in FENCE.findall(text)
        if language.split()[:1] and language.split()[0] in ("py", "python", "sh", "bash", "shell", "console")
    ]
    example = (client.__doc__ or "").partition("\n\n")[2]
    return [*snippets, Snippet("drivebay.client", "python", textwrap.dedent(example))]


def runnable() -> dict[str, list[Snippet]]:
    found: dict[str, list[Snippet]] = {}
    for snippet in all_snippets():
        if "skip" not in snippet.language.split():
            found.setdefault(snippet.document, []).append(snippet)
    return found


def test_only_snippets_that_need_other_programs_are_skipped() -> None:
    skipped = [snippet for snippet in all_snippets() if "skip" in snippet.language.split()]
    needs = ("docker ", "helm ", "aws s3api", "DRIVEBAY_TEST_S3_ENDPOINT", "drivebay run", "make run", "restore-backup")
    needs += (
        "second-factor",
        "DRIVEBAY_TOKEN",
        "drivebay admin",
        "/invitation#token",
        "drivebay watch",
        "drivebay webhooks",
        "drivebay passkeys",  # a browser makes them
    )
    needs += ("reset-password", "DRIVEBAY_SMTP_URL", "DRIVEBAY_OIDC_ISSUER", "login --oidc")  # mail, identity provider
    needs += ("weed master", "filer1:18888", "10.0.0.1:5432")  # clusters
    # The walk of scale.md starts many servers.
    needs += ("start() {", "start postgres", "start nats", "start master", "start proxy", ".pid)")
    assert [snippet for snippet in skipped if not any(need in snippet.code for need in needs)] == []
    assert {"README.md", "cli.md", "sdk.md", "drivebay.client"} <= set(runnable())


@pytest.mark.parametrize("document", runnable())
async def test_snippets_of_a_document_work_in_order(document: str, shell: Shell) -> None:
    home = shell.home
    for name in ("report.pdf", "talk.mp4", *(f"{number}.jpg" for number in range(100))):
        (home / name).write_text(name)
    for folder in ("photos/raw", "bin"):
        (home / folder).mkdir(parents=True)
    (home / "photos" / "a.jpg").write_text("a")
    (home / "photos" / "raw" / "a.tmp").write_text("a")
    wrapper = home / "bin" / "drivebay"
    wrapper.write_text(WRAPPER)
    wrapper.chmod(0o755)
    path = f"{home / 'bin'}:{shell.environment['PATH']}"
    variables = {"PATH": path, "PYTHON": sys.executable, "PASSWORD": PASSWORD}
    environment = shell.environment | variables
    grace = await _second_person(shell) if any(each.is_of_grace for each in runnable()[document]) else None
    for snippet in runnable()[document]:
        code = ADDRESS.sub(shell.server, snippet.code).replace("correct horse battery", PASSWORD)
        if "drivebay signup" in code:
            environment["ACCOUNT"] = f"new-{shell.email}"
        code = code.replace("ada@example.com", environment.get("ACCOUNT", shell.email))
        runner, used = shell, environment
        if grace is not None:
            code = code.replace("grace@example.com", grace.email)
            if snippet.is_of_grace:
                runner, used = grace, grace.environment | variables
        command = (sys.executable, "-c", code) if snippet.is_python else ("bash", "-euo", "pipefail", "-c", code)
        process = await asyncio.create_subprocess_exec(
            *command, env=used, cwd=runner.home, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
        output = (await asyncio.wait_for(process.communicate(), 120))[0].decode()
        assert process.returncode == 0, f"{snippet.code}\n{output}"
    if grace is not None:  # a guide ends the access that it gave
        assert (await grace.ok("shared")).lines == []
        assert [drive["kind"] for drive in (await grace.ok("drives", "list", "--json")).json] == ["personal"]


async def _second_person(shell: Shell) -> Shell:
    """Return the computer of Grace, who has an account and a file."""
    grace = Shell(shell.home / "grace", shell.server)
    grace.home.mkdir()
    (grace.home / "notes.txt").write_text("notes")
    assert (await grace.authenticate("signup")).status == 0
    return grace
