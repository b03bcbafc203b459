"""Is what was cross-built whole? Run by .ci/cross.sh on the board's own Python, under qemu-user."""

import platform

import construct
import periphery
import posix_ipc
import serial

import bmcha
from bmcha.model.message import Header
from bmcha.wire import codec, codec_native

HEADER = Header(
    chassis_id=4242, source_slot=1, target_slot=2, boot_id=0xB0071D01, epoch=7, sequence=4711
)
BODY = bytes(range(256))

for is_stuffed in (False, True):
    said = codec_native.encode_frame(HEADER, 1, BODY, is_stuffed)
    assert said == codec.encode_frame(HEADER, 1, BODY, is_stuffed), "the C and its twin differ"
heard, taken = codec_native.decode_stream(said)
assert (heard, taken) == codec.decode_stream(said)
assert taken == len(said)
assert heard[0].header == HEADER and heard[0].body == BODY
damaged = bytearray(said)
damaged[20] ^= 0x10
assert codec_native.decode_stream(bytes(damaged))[0] == codec.decode_stream(bytes(damaged))[0]
assert codec_native.decode_stream(bytes(damaged))[0] != heard

libraries = {
    "posix_ipc": posix_ipc.VERSION,
    "serial": serial.__version__,
    "periphery": periphery.__version__,
    "construct": construct.__version__,
}
versions = ", ".join(f"{name} {version}" for name, version in libraries.items())
python = f"Python {platform.python_version()} on {platform.machine()}"
print(f"bmcha {bmcha.__version__}, {python}, {versions}; a frame went round through the C")
