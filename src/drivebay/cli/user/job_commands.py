"""The commands `jobs show`, `jobs wait` and `jobs cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from drivebay.client import Job

from .console import JsonOption, print_json, print_line, run_command
from .exit_codes import if_not_found
from .formatting import printable
from .job_progress import wait_with_progress
from .open_drive import open_account

app = typer.Typer()
jobs = typer.Typer(no_args_is_help=True, help="Show, wait for or cancel a copy job.")
app.add_typer(jobs, name="jobs")

_NOT_FOUND_STEP = "check the id, which `drivebay cp` prints; the record of a job is deleted some days after its end"
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of a job, as `drivebay cp` prints it.")]


@jobs.command()
def show(id: IdArgument, as_json: JsonOption = False) -> None:
    """Print the state of a job, and how many of the files and folders it has copied."""

    async def command() -> None:
        async with open_account() as drive:
            with if_not_found(_NOT_FOUND_STEP):
                job = await drive.job(id)
        if as_json:
            print_json(job)
        else:
            print_line(printable(_line(job)))

    run_command(command, as_json)


@jobs.command()
def wait(id: IdArgument, as_json: JsonOption = False) -> None:
    """Wait until a job is done. With --json, print the copy."""

    async def command() -> None:
        async with open_account() as drive:
            with if_not_found(_NOT_FOUND_STEP):
                job = await drive.job(id)
            copy = await wait_with_progress(drive, job, as_json)
        if as_json:
            print_json(copy)

    run_command(command, as_json)


@jobs.command()
def cancel(id: IdArgument, as_json: JsonOption = False) -> None:
    """Cancel a job and print its state. None of the copied items appear.

    After at most a minute, their bytes do not count in the quota any more.
    """

    async def command() -> None:
        async with open_account() as drive:
            with if_not_found(_NOT_FOUND_STEP):
                await drive.cancel_job(id)
                job = await drive.job(id)
        if as_json:
            print_json(job)
        else:
            print_line(printable(_line(job)))

    run_command(command, as_json)


def _line(job: Job) -> str:
    reason = "" if job.error is None else f": {job.error.detail or job.error.code}"
    return f"{job.status}  {job.done} of {job.total}{reason}"
