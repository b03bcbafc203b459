"""The serial diagnostics console as text in, text out. Pure."""
