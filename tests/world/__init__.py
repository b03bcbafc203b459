"""A small world of virtual time: two real nodes with real beat engines, loops and effect runners
in a chassis that is made of lists. For unit tests that need two nodes, and for the simulator."""

from tests.world.chassis import World
from tests.world.module import Module
from tests.world.settings import CHASSIS, LAYOUT_ID, path_settings, settings_of, timers

__all__ = ["CHASSIS", "LAYOUT_ID", "Module", "World", "path_settings", "settings_of", "timers"]
