"""Decoders of pictures, for every process that decodes some."""

import av
from av.video.codeccontext import VideoCodecContext

from vms.common import InvalidError

DECODERS = {
    "h264": "h264",
    "h265": "hevc",
    "av1": "libdav1d",
    "vp8": "vp8",
    "vp9": "vp9",
    "mjpeg": "mjpeg",
    "mpeg4": "mpeg4",
}


def open_decoder(codec: str) -> VideoCodecContext:
    """Return a decoder of one thread."""
    name = DECODERS.get(codec)
    if name is None:
        raise InvalidError(f"no pictures are made of codec {codec!r}", code="picture_codec")
    decoder = av.CodecContext.create(name, "r")
    if not isinstance(decoder, VideoCodecContext):
        raise InvalidError(f"no pictures are made of codec {codec!r}", code="picture_codec")
    decoder.thread_count = 1
    return decoder
