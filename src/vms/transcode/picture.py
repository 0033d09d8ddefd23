"""Stills and sheets of stills from key frames, decoded by PyAV."""

import io
from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vms.common import InvalidError
from vms.transcode.decoders import open_decoder
from vms.transcode.jobs import Picture, Sprite, Still
from vms.transcode.ring import WITH_START_CODES

IVF = b"DKIF"
FORMATS = {"jpeg": "JPEG", "webp": "WEBP"}
MAX_WIDTH = 4096
MAX_CELLS = 400
UNDECODABLE = "picture_undecodable"


def still(job: Picture) -> Still:
    """Return the last picture of a group as JPEG or WebP."""
    image = _image(last_picture(job.codec, job.data), job.width)
    return Still(image.width, image.height, _encoded(image, job.format, job.quality))


def sprite(job: Sprite) -> Still:
    """Return a sheet of stills as WebP."""
    if not 0 < len(job.frames) <= MAX_CELLS or not 0 < job.columns <= MAX_CELLS:
        raise InvalidError(f"a sheet of {len(job.frames)} pictures: 1 to {MAX_CELLS} are allowed")
    rows = -(-len(job.frames) // job.columns)
    sheet = Image.new("RGB", (job.columns * job.width, rows * job.height))
    missing = []
    for n, data in enumerate(job.frames):
        place = (n % job.columns * job.width, n // job.columns * job.height)
        try:
            picture = last_picture(job.codec, data)
        except InvalidError as error:
            if error.code != UNDECODABLE:
                raise
            missing.append(n)
            continue
        small = picture.reformat(width=job.width, height=job.height, format="rgb24")
        sheet.paste(Image.fromarray(small.to_ndarray()), place)
    if len(missing) == len(job.frames):
        raise InvalidError("no picture of the sheet can be decoded", code=UNDECODABLE)
    return Still(sheet.width, sheet.height, _encoded(sheet, "webp", job.quality), tuple(missing))


def last_picture(codec: str, data: bytes) -> av.VideoFrame:
    """Decode a group of Annex B and return what it ends with."""
    last = None
    for picture in decoded(codec, data):
        last = picture
    if last is None:
        raise InvalidError(
            f"{len(data)} bytes of {codec} hold no whole picture; the video may be damaged here",
            code=UNDECODABLE,
        )
    return last


def decoded(codec: str, data: bytes) -> Iterator[av.VideoFrame]:
    """Yield every picture of a group that begins with a key frame: Annex B, IVF, one frame."""
    if data.startswith(IVF):
        yield from _decoded_ivf(codec, data)
        return
    decoder = open_decoder(codec)
    try:
        if codec in WITH_START_CODES:
            packets = [*decoder.parse(data), *decoder.parse(b"")]
        else:
            packets = [av.Packet(data)]
        for packet in packets:
            yield from decoder.decode(packet)
        yield from decoder.decode(None)
    except av.FFmpegError as error:
        raise InvalidError(f"{codec} video cannot be decoded: {error}", code=UNDECODABLE) from None


def _decoded_ivf(codec: str, data: bytes) -> Iterator[av.VideoFrame]:
    try:
        with av.open(io.BytesIO(data), "r", format="ivf") as file:
            yield from file.decode(video=0)
    except av.FFmpegError as error:
        raise InvalidError(f"{codec} video cannot be decoded: {error}", code=UNDECODABLE) from None


def luma(picture: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """Return the brightness of a picture at another size."""
    small = picture.reformat(width=width, height=height, format="gray")
    return small.to_ndarray().astype(np.uint8, copy=False)


def _image(picture: av.VideoFrame, width: int) -> Image.Image:
    if not 0 <= width <= MAX_WIDTH:
        raise InvalidError(f"width {width}: 1 to {MAX_WIDTH} is allowed, 0 is the video's own")
    # Never larger than the camera saw it.
    wide = min(width or picture.width, picture.width)
    high = max(2, round(picture.height * wide / picture.width))
    small = picture.reformat(width=wide, height=high, format="rgb24")
    return Image.fromarray(small.to_ndarray())


def _encoded(image: Image.Image, kind: str, quality: int) -> bytes:
    if kind not in FORMATS:
        raise InvalidError(f"format {kind!r}: one of {', '.join(FORMATS)} is allowed")
    out = io.BytesIO()
    image.save(out, FORMATS[kind], quality=quality, **({"method": 2} if kind == "webp" else {}))
    return out.getvalue()
