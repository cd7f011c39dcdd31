"""Makes the thumbnails of one file, in a separate process that gives up its rights before it reads the file.

The worker runs this file as a program. It must not import Drivebay: the process needs nothing but the libraries. It
reads the bytes of an image, a PDF document or a video from its input and writes the thumbnails to its output: for each
size in the arguments a length of 4 bytes, big-endian, and a WebP image.

The libraries are large and written in C, and any user may send the bytes. So the process has no secrets in its
environment, and limits of memory and CPU time. It cannot open a file or a socket, because all descriptors that its
limit allows are open already. It ends when the worker ends, and the worker kills it when it takes too long.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from typing import Any, Final

import pypdfium2
import pyvips

try:
    import av

    # PyAV imports a module for each kind of stream when it finds one. The process cannot open a file by then.
    import av.audio.stream
    import av.subtitles.stream
    import av.video.reformatter
    import av.video.stream
except ImportError:  # an extra: without it, videos have no thumbnail
    _READS_VIDEOS = False
else:
    _READS_VIDEOS = True

OK: Final = 0
NO_PREVIEW: Final = 2
"""The exit status for a file of which no thumbnail can be made. A second attempt would have the same result."""

_LOADERS: Final = {
    "VipsForeignLoadHeif": "heifload_buffer",  # AVIF; the wheel has no decoder for HEIC
    "VipsForeignLoadJpeg": "jpegload_buffer",
    "VipsForeignLoadNsgif": "gifload_buffer",
    "VipsForeignLoadPng": "pngload_buffer",
    "VipsForeignLoadTiff": "tiffload_buffer",
    "VipsForeignLoadWebp": "webpload_buffer",
}
"""The classes of libvips that may read a file, and the names of their operations."""
_IMAGE_BRANDS: Final = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""The brands of images that have the container format of MP4: AVIF and HEIC."""
_TURNS: Final = {1: "rot270", 2: "rot180", 3: "rot90"}
"""The operation of libvips for a number of counter-clockwise quarter turns."""
_PDF_START: Final = b"%PDF-"
_PDF_HEADER: Final = 1024
"""The header of a PDF document is within this number of bytes from the beginning of the file."""
_VIDEO_FORMATS: Final = "matroska,webm,mov,mp4,avi,ogg"
_VIDEO_TIME: Final = 1.0
"""The thumbnail shows the first frame at this time in seconds or later. Many videos begin with a black frame."""
_VIDEO_FRAMES: Final = 60
"""The maximum number of frames to decode. If all of them are before `_VIDEO_TIME`, the thumbnail shows the last
frame."""
_QUALITY: Final = 80
_MAX_OUTPUT: Final = 4 * 2**20
"""The maximum number of bytes of the output. It is more than the worker accepts, so that the worker sees an output that
is too long."""
_NOBODY: Final = 65534
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def main(arguments: list[str]) -> int:
    """Make the thumbnails of the file on the input.

    `arguments` are the limits (bytes of memory, seconds of CPU time, pixels), and then the sizes of the thumbnails.
    """
    memory, seconds, max_pixels, *sizes = (int(each) for each in arguments)
    _drop_privileges(memory, seconds)
    _allow_loaders()
    try:
        large = _read(max(sizes), max_pixels)
        images = [_encode(large, size) for size in sizes]
    except (pyvips.Error, pypdfium2.PdfiumError, MemoryError, ValueError, OverflowError):
        return NO_PREVIEW
    for image in images:
        sys.stdout.buffer.write(struct.pack(">I", len(image)) + image)
    sys.stdout.buffer.flush()
    return OK


def _drop_privileges(memory: int, seconds: int) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getppid()
    if prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")
    if os.getppid() != parent:  # the worker ended before the signal was set
        sys.exit(1)
    # guard: thumbnail-memory, thumbnail-cpu, thumbnail-no-network
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: _MAX_OUTPUT,
        resource.RLIMIT_NOFILE: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _allow_loaders() -> None:
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in _LOADERS:
        pyvips.operation_block_set(name, False)
    pyvips.cache_set_max(0)


def _read(size: int, max_pixels: int) -> Any:
    """Return the file on the input as an image in memory. Raises ValueError and the errors of the libraries."""
    source = sys.stdin.buffer
    start = source.read(_PDF_HEADER)
    source.seek(0)
    if _is_video(start):
        return _frame(source, size, max_pixels)
    data = source.read()
    return _first_page(data, size) if _is_pdf(data) else _read_image(data, size, max_pixels)


def _is_video(start: bytes) -> bool:
    if start[4:8] == b"ftyp":
        return start[8:12] not in _IMAGE_BRANDS
    return start[:4] in (b"\x1aE\xdf\xa3", b"OggS") or start[8:12] == b"AVI "


def _frame(source: Any, size: int, max_pixels: int) -> Any:
    """Return a frame of a video as an image in memory. Raises ValueError."""
    if not _READS_VIDEOS:
        raise ValueError("the library for videos is not installed")
    try:
        with av.open(source, options={"format_whitelist": _VIDEO_FORMATS}) as container:
            if not container.streams.video:
                raise ValueError("there are no pictures")
            stream = container.streams.video[0]
            context = stream.codec_context
            context.thread_count = 1
            context.thread_type = "NONE"
            # guard: thumbnail-video-pixels
            if not 0 < context.width * context.height <= max_pixels:
                raise ValueError("the video has too many pixels")
            frame = None
            for number, each in enumerate(container.decode(stream)):
                frame = each
                if (each.time or 0.0) >= _VIDEO_TIME or number + 1 == _VIDEO_FRAMES:
                    break
            if frame is None:
                raise ValueError("the video has no frame")
            return _image_of(frame, size)
    except av.FFmpegError as error:
        raise ValueError(str(error)) from error


def _image_of(frame: Any, size: int) -> Any:
    scale = min(1.0, size / max(frame.width, frame.height))
    width, height = (max(1, round(each * scale)) for each in (frame.width, frame.height))
    small = frame.reformat(width=width, height=height, format="rgb24")
    plane, stride = bytes(small.planes[0]), small.planes[0].line_size
    rows = b"".join(plane[row * stride : row * stride + 3 * width] for row in range(height))
    image = pyvips.Image.new_from_memory(rows, width, height, 3, "uchar").copy(interpretation="srgb")
    # A phone stores the angle at which it was held, counter-clockwise.
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return getattr(image, _TURNS[turns])().copy_memory() if turns else image.copy_memory()


def _is_pdf(data: bytes) -> bool:
    return _PDF_START in data[:_PDF_HEADER]


def _read_image(data: bytes, size: int, max_pixels: int) -> Any:
    """Return an image in memory that fits into a square with sides of `size` pixels. Raises ValueError,
    pyvips.Error."""
    header = pyvips.Image.new_from_buffer(data, "")
    loader = header.get("vips-loader")
    if loader not in _LOADERS.values():
        raise ValueError(f"{loader} is not allowed")
    if header.width * header.height > max_pixels:  # guard: thumbnail-pixels
        raise ValueError("the image has too many pixels")
    options = {"shrink": shrink} if (shrink := _shrink(header, loader, size)) > 1 else {}
    image = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error", **options)
    return image.thumbnail_image(size, height=size, size="down", output_profile="srgb").copy_memory()


def _shrink(header: Any, loader: str, size: int) -> int:
    """Return the factor by which the decoder of JPEG shrinks an image, which saves most of the work."""
    if loader != "jpegload_buffer":
        return 1
    return next((factor for factor in (8, 4, 2) if max(header.width, header.height) >= factor * size), 1)


def _first_page(data: bytes, size: int) -> Any:
    """Return the first page of a PDF document as an image in memory. Raises ValueError, PdfiumError."""
    document = pypdfium2.PdfDocument(data)
    if len(document) == 0:
        raise ValueError("the document has no page")
    page = document[0]
    width, height = page.get_size()
    if not (0 < width < 1e6 and 0 < height < 1e6):  # also false for NaN
        raise ValueError("the page has no usable size")
    scale = size / max(width, height)
    bitmap = page.render(scale=scale, may_draw_forms=False, rev_byteorder=True, prefer_bgrx=True, maybe_alpha=False)
    bands = bitmap.n_channels
    if bitmap.stride != bitmap.width * bands:
        raise ValueError("the rows of the page are padded")
    image = pyvips.Image.new_from_memory(bytes(bitmap.buffer), bitmap.width, bitmap.height, bands, "uchar")
    return image.extract_band(0, n=min(3, bands)).copy(interpretation="srgb").copy_memory()


def _encode(image: Any, size: int) -> bytes:
    small = image.thumbnail_image(size, height=size, size="down")
    encoded: bytes = small.webpsave_buffer(Q=_QUALITY, keep="none")  # without metadata, such as the location of a photo
    return encoded


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
