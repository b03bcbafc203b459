"""`bmcha check FILE`: everything that is wrong with a configuration, and with the machine for it.

Looks, and changes nothing: no line is requested, no watchdog opened, no serial line touched that
somebody else has open. One file a subject; each takes a `Subject` and gives findings. Called by
the command line.
"""
