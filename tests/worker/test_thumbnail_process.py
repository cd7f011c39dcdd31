"""Thumbnails by a process of its own: what it makes, what it refuses, and what ends it."""

from __future__ import annotations

import asyncio
import ctypes
import io
import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
import pytest
import pyvips

from drivebay.worker import thumbnail_subprocess
from drivebay.worker.thumbnail_subprocess import FileTail, NotReadable, ProcessFailed, ProcessLimits, make_thumbnails

from ..thumbnail_samples import BLUE, RED, color_at, jpeg, noise_jpeg, one_color_png, opened, pdf, picture, png, video

_RIGHTS = """
import socket

def is_refused(action):
    try:
        action()
    except (OSError, ValueError):
        return True
    return False

_drop_privileges(512 << 20, 15)
os.close(0)  # a free descriptor does not help
actions = (
    socket.socket,
    lambda: os.open("/etc/passwd", os.O_RDONLY),
    lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
)
has_secret = any(name.startswith("DRIVEBAY") for name in os.environ)
sys.exit(0 if not has_secret and all(map(is_refused, actions)) else 7)
"""
LIMITS = ProcessLimits(time=timedelta(seconds=60))
AVIF = bytes(picture(400, 300).heifsave_buffer(compression="av1"))


def sound_only() -> bytes:
    """Return an MP4 file without pictures."""
    output = io.BytesIO()
    with av.open(output, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=8000)
        frame = av.AudioFrame("fltp", "mono", 1024)
        frame.sample_rate = 8000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for packet in (*stream.encode(frame), *stream.encode()):
            out.mux(packet)
    return output.getvalue()


def is_near(color: list[float], expected: list[float]) -> bool:
    return all(abs(a - b) < 30 for a, b in zip(color, expected, strict=True))


@pytest.mark.parametrize(
    "body",
    [
        png(),
        jpeg(),
        jpeg(9000, 6750),
        bytes(picture().webpsave_buffer()),
        bytes(picture().gifsave_buffer()),
        bytes(picture().tiffsave_buffer()),
        AVIF,
    ],
    ids=["png", "jpeg", "large jpeg", "webp", "gif", "tiff", "avif"],
)
async def test_an_image_has_a_thumbnail_of_each_size_that_shows_it(body: bytes) -> None:
    images = await make_thumbnails(body, LIMITS)
    assert [image.size for image in images] == [1024, 256, 64]
    for image in images:
        shown = opened(image.body)
        assert max(shown.width, shown.height) == min(image.size, max(opened(body).width, opened(body).height))
        assert abs(shown.width / shown.height - 4 / 3) < 0.05
        assert is_near(color_at(shown, 2, 2), RED)
        assert is_near(color_at(shown, shown.width - 3, 2), BLUE)


async def test_a_pdf_document_shows_its_first_page() -> None:
    images = await make_thumbnails(pdf(200, 400), LIMITS)
    assert [(opened(image.body).width, opened(image.body).height) for image in images] == [
        (512, 1024), (128, 256), (32, 64),
    ]  # fmt: skip
    assert color_at(opened(images[1].body), 64, 128) == [255, 255, 255]


@pytest.mark.parametrize("container", ["mp4", "webm", "avi", "matroska"])
async def test_a_video_shows_a_frame_that_is_not_its_first(container: str) -> None:
    images = await make_thumbnails(video(container=container), LIMITS)
    for image in images:
        shown = opened(image.body)
        assert max(shown.width, shown.height) == min(image.size, 640)
        assert is_near(color_at(shown, 2, 2), RED)
        assert is_near(color_at(shown, shown.width - 3, 2), BLUE)


async def test_a_short_video_shows_its_last_frame() -> None:
    images = await make_thumbnails(video(frames=2), LIMITS)
    assert is_near(color_at(opened(images[1].body), 2, 2), RED)


async def test_of_a_large_video_the_middle_is_not_needed() -> None:
    """Its index is at the end, as programs write it that do not know the length before."""
    body = video()
    index = body.index(b"moov") - 4
    frames, gap = body[:index], 3 * 2**30
    # `mdat` says how long it is. A longer one has a longer middle.
    mdat = body.index(b"mdat") - 4
    assert int.from_bytes(body[mdat : mdat + 4], "big") == index - mdat
    start = frames[:mdat] + (index - mdat + gap).to_bytes(4, "big") + frames[mdat + 4 :]
    images = await make_thumbnails(start, LIMITS, FileTail(index + gap, body[index:]))
    assert is_near(color_at(opened(images[1].body), 2, 2), RED)


async def test_a_photo_is_turned_as_its_metadata_says_and_loses_the_metadata() -> None:
    turned = picture(640, 480).copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)  # 90 degrees clockwise
    turned.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Artist", "Ann (Ann, ASCII, 4, 4)")
    body = bytes(turned.jpegsave_buffer())
    assert b"Ann" in body
    images = await make_thumbnails(body, LIMITS)
    shown = opened(images[1].body)
    assert (shown.width, shown.height) == (192, 256)
    assert is_near(color_at(shown, 96, 4), RED)
    assert is_near(color_at(shown, 96, 250), BLUE)
    assert not any(b"Ann" in image.body or b"EXIF" in image.body for image in images)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"%PDF-1.7 and nothing else",
        png()[:300],
        noise_jpeg()[: len(noise_jpeg()) // 2],
        b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="9" height="9"/></svg>',
        one_color_png(30_000, 30_000),
        one_color_png(25_000, 20_000),
        video()[:2000],
        b"\x1aE\xdf\xa3 and nothing else",
        sound_only(),
    ],
    ids=[
        "empty",
        "text",
        "damaged pdf",
        "cut png",
        "cut jpeg",
        "svg",
        "bomb",
        "500 megapixels",
        "cut video",
        "damaged video",
        "sound",
    ],
)
async def test_what_cannot_be_shown_is_refused(body: bytes) -> None:
    with pytest.raises(NotReadable):
        await make_thumbnails(body, LIMITS)


async def test_an_image_that_needs_much_memory_is_refused() -> None:
    interlaced = bytes(picture(14_000, 14_000).pngsave_buffer(interlace=True))
    assert LIMITS.pixels > 14_000 * 14_000
    with pytest.raises(NotReadable):
        await make_thumbnails(interlaced, LIMITS)


async def test_a_video_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(NotReadable):
        await make_thumbnails(video(), replace(LIMITS, pixels=640 * 480 - 1))


async def test_a_process_is_ended_when_its_cpu_time_is_over() -> None:
    body = bytes(picture(15_000, 15_000).pngsave_buffer())
    with pytest.raises(ProcessFailed, match="signal"):
        await make_thumbnails(body, replace(LIMITS, cpu=timedelta(seconds=0)))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another program in place of the one that makes thumbnails."""
    path = tmp_path / "program.py"
    monkeypatch.setattr(thumbnail_subprocess, "_PROGRAM", path)
    return path


async def test_a_process_that_takes_too_long_is_killed_with_its_children(program: Path, tmp_path: Path) -> None:
    program.write_text(
        "import os, pathlib, time\n"
        "child = os.fork()\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r} + str(bool(child))).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(ProcessFailed, match="longer than"):
        await make_thumbnails(png(), replace(LIMITS, time=timedelta(seconds=3)))
    for name in ("pidTrue", "pidFalse"):
        await _wait_until_gone(int((tmp_path / name).read_text()))


async def test_a_process_that_is_killed_is_a_failure_and_nothing_more(program: Path) -> None:
    program.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(ProcessFailed, match="signal 9"):
        await make_thumbnails(b"x" * 5_000_000, LIMITS)


@pytest.mark.parametrize(
    "output",
    [
        "b'nonsense'",
        "b''",
        "b'\\xff' * 4 + b'x'",
        "(b'\\0\\0\\0\\x0c' + b'<html>......') * 3",
        "b'x' * (64 << 20)",
    ],
)
async def test_the_output_of_the_process_is_not_trusted(program: Path, output: str) -> None:
    program.write_text(f"import sys\nsys.stdin.buffer.read()\nsys.stdout.buffer.write({output})\n")
    with pytest.raises(ProcessFailed, match="its output is"):
        await make_thumbnails(png(), LIMITS)


async def test_a_cancelled_call_leaves_no_process(program: Path, tmp_path: Path) -> None:
    note = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    program.write_text(f"import os, pathlib, time\n{note}\ntime.sleep(600)\n")
    call = asyncio.create_task(make_thumbnails(png(), LIMITS))
    async with asyncio.timeout(60):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.02)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    await _wait_until_gone(int((tmp_path / "pid").read_text()))


async def test_no_other_process_reads_the_memory_of_the_worker_meanwhile(program: Path, tmp_path: Path) -> None:
    program.write_text(f"import pathlib, time\npathlib.Path({str(tmp_path / 'runs')!r}).touch()\ntime.sleep(600)\n")
    assert is_memory_open()
    call = asyncio.create_task(make_thumbnails(png(), LIMITS))
    async with asyncio.timeout(60):
        while not (tmp_path / "runs").exists():
            await asyncio.sleep(0.02)
    assert not is_memory_open()
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    assert is_memory_open()


def is_memory_open() -> bool:
    """Return whether the kernel lets other processes of the user read the memory of this one (PR_GET_DUMPABLE)."""
    return bool(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1)


async def test_the_process_can_open_neither_files_nor_sockets_and_sees_no_secret(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIVEBAY_SECRET", "ab" * 32)
    real = Path(thumbnail_subprocess.__file__).with_name("thumbnail_process.py").read_text()
    program.write_text(real.split("if __name__")[0] + _RIGHTS)
    with pytest.raises(ProcessFailed, match="its output is not a list of thumbnails"):  # it ended with status 0
        await make_thumbnails(png(), LIMITS)


async def _wait_until_gone(pid: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                os.kill(pid, 0)
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (ProcessLookupError, FileNotFoundError):
                return
            if state == "Z":
                return
            await asyncio.sleep(0.02)
