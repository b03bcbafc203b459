"""The rig: two emulated boards, every wire between them, and a judge that stands outside.

Resources say where things are (`rig.resources`). Drivers do one thing to one of them
(`rig.machine`, `rig.console`, `rig.wires`, `rig.backplane`). The judge reads what they saw
(`rig.judge`). The strategy brings the chassis to a state (`rig.strategy`). Nothing here imports
bmcha: the rig knows the product as a person with a screwdriver and a serial cable does.
"""
