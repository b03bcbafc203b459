"""`bmcha layout`: how other programs read the image in shared memory."""

from __future__ import annotations

import argparse

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE


def add(commands: Commands) -> None:
    parser = commands.add(
        "layout",
        "the shared memory's layout",
        _layout,
        examples={
            "bmcha layout --c-header > bmcha_image.h": "all that a C program needs to read it"
        },
    )
    parser.add_argument(
        "--c-header", action="store_true", required=True, help="as a C header for other programs"
    )


def _layout(_: argparse.Namespace) -> int:
    from bmcha.wire.generate import image_header

    print(image_header(), end="")
    return EXIT_DONE
