"""The door of the wire: a header and a message to a frame's bytes and back.

For tools, the simulator and tests; the service's own frames go through `native/bmcha_engine.c`. The
C codec does the work; where it cannot be imported that is said and not worked around, because the
twin is many times slower and nobody would notice why.
"""

from __future__ import annotations

from bmcha.model.message import Header, Message, MessageType
from bmcha.wire.frame import BadFrame, BadReason, Codec, RawFrame
from bmcha.wire.messages import build_body, parse_body, type_of

_TYPES = {kind.value: kind for kind in MessageType}


class NativeCodecMissing(ImportError):
    """The C part is not built, or was built for another Python."""


def native_codec() -> Codec:
    """Raises NativeCodecMissing."""
    try:
        from bmcha.wire import codec_native
    except ImportError as error:
        raise NativeCodecMissing(
            f"the C part of bmcha cannot be loaded ({error}); build it with: make build"
        ) from error
    return codec_native


def build_frame(
    header: Header,
    message: Message,
    now_ns: int,
    is_stuffed: bool,
    codec: Codec | None = None,
) -> bytes:
    """The bytes to send: stuffed and delimited for a stream, bare for a datagram.

    ``now_ns`` turns stamps into ages. ValueError: a value that the wire cannot say, or more cells
    than fit one frame.
    """
    body = build_body(message, now_ns)
    encode_frame = (codec or native_codec()).encode_frame
    return encode_frame(header, type_of(message).value, body, is_stuffed, b"")


def parse_frame(raw: RawFrame, now_ns: int) -> tuple[Header, Message] | BadFrame:
    """What a sound frame says, signed by whomever: keys are the engine's affair (docs/adr/0025).
    ``now_ns``, the time of arrival, turns ages into stamps."""
    message_type = _TYPES.get(raw.type_number)
    if message_type is None:
        return BadFrame(BadReason.TYPE, raw.offset, raw.size)
    message = parse_body(message_type, raw.body, raw.header.epoch, now_ns)
    if message is None:
        return BadFrame(BadReason.BODY, raw.offset, raw.size)
    return raw.header, message
