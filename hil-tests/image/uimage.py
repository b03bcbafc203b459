"""Wraps Debian's ARM kernel as a uImage, decompressed already: that takes an emulated board 4 s.

uimage.py ZIMAGE UIMAGE

QEMU loads a uImage to where its header says and starts it there, as U-Boot does. The same kernel
makes the same file: the header's time is 0.
"""

import lzma
import struct
import sys
import zlib

LOAD = 0x8020_8000
"""RAM begins at 0x80000000. Debian's kernel is for many processors, one of which wants TEXT_OFFSET
0x208000; started anywhere else it hangs without a word."""
MAGIC, ARM, LINUX, KERNEL, NOT_COMPRESSED = 0x27051956, 2, 5, 2, 0


def main() -> int:
    with open(sys.argv[1], "rb") as file:
        image = decompressed(file.read())
    with open(sys.argv[2], "wb") as file:
        file.write(header(image, zlib.crc32(header(image, 0))))
        file.write(image)
    return 0


def decompressed(kernel: bytes) -> bytes:
    """A zImage is a small program in front of an xz stream."""
    at = -1
    while (at := kernel.find(b"\xfd7zXZ\0", at + 1)) >= 0:
        try:
            return lzma.LZMADecompressor().decompress(kernel[at:])
        except lzma.LZMAError:
            continue  # the program's own idea of how such a stream begins
    sys.exit(f"bmcha: {sys.argv[1]} is no kernel packed with xz")


def header(image: bytes, crc: int) -> bytes:
    """Of U-Boot's "legacy" image, doc/usage/cmd/bootm.rst; ``crc``: of this, taken with 0 there."""
    head = struct.pack(">7I", MAGIC, crc, 0, len(image), LOAD, LOAD, zlib.crc32(image))
    return head + struct.pack(">4B32s", LINUX, ARM, KERNEL, NOT_COMPRESSED, b"Linux")


if __name__ == "__main__":
    sys.exit(main())
