"""What the program's exit code says; scripts rely on these numbers."""

EXIT_DONE = 0
EXIT_FAILED = 1
"""Refused or failed; the reasons are printed."""
EXIT_USAGE = 2
"""Wrong words, or a bad configuration: which file, which key, why."""
EXIT_NO_SERVICE = 3
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
