"""Images and documents for tests of thumbnails, made by the libraries that read them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, Final

import av
import pypdfium2
import pyvips

RED, BLUE, WHITE = [200.0, 30, 30], [30.0, 30, 200], [255.0, 255, 255]
SIZE_LIMIT: Final = 1024


def picture(width: int = 640, height: int = 480) -> Any:
    """Return an image whose left half is red and whose right half is blue."""
    left = pyvips.Image.black(width // 2, height, bands=3) + RED
    right = pyvips.Image.black(width - width // 2, height, bands=3) + BLUE
    return left.join(right, "horizontal").cast("uchar").copy(interpretation="srgb")


def png(width: int = 640, height: int = 480) -> bytes:
    return bytes(picture(width, height).pngsave_buffer())


def jpeg(width: int = 640, height: int = 480) -> bytes:
    return bytes(picture(width, height).jpegsave_buffer(Q=90))


def noise_jpeg(width: int = 800, height: int = 600) -> bytes:
    """Return a JPEG image that is long enough to be cut in the middle of its pixels."""
    return bytes(pyvips.Image.gaussnoise(width, height, seed=1).cast("uchar").jpegsave_buffer())


def pdf(width: float = 200, height: float = 400) -> bytes:
    """Return a PDF document of one empty page."""
    document = pypdfium2.PdfDocument.new()
    document.new_page(width, height)
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def video(width: int = 640, height: int = 480, frames: int = 60, container: str = "mp4") -> bytes:
    """Return a video of 25 frames a second. The first frame is black. The others are those of `picture`."""
    output = io.BytesIO()
    with av.open(output, "w", format=container) as out:
        stream = out.add_stream("mpeg4" if container in ("mp4", "avi") else "libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame(width, height, "rgb24")
            shown = picture(width, height) if number else pyvips.Image.black(width, height, bands=3)
            frame.planes[0].update(_with_stride(bytes(shown.write_to_memory()), width * 3, frame.planes[0].line_size))
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return output.getvalue()


def _with_stride(rows: bytes, row: int, stride: int) -> bytes:
    return b"".join(rows[at : at + row].ljust(stride, b"\0") for at in range(0, len(rows), row))


def one_color_png(width: int, height: int) -> bytes:
    """Return a PNG image of one color that is small in bytes and large in pixels, with one bit for each of them."""
    row = bytes(1 + (width + 7) // 8)
    compressor = zlib.compressobj(9)
    data = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def opened(body: bytes) -> Any:
    """Return a thumbnail as an image in memory."""
    return pyvips.Image.new_from_buffer(body, "")


def color_at(image: Any, x: int, y: int) -> list[float]:
    return [round(value) for value in image.getpoint(x, y)][:3]
