"""`bmcha sim` and `bmcha sim-ctl`: two modules on a virtual chassis.

The simulator declares its own arguments, and is imported only when it is asked for.
"""

from __future__ import annotations

from bmcha.cli.commands import Commands


def add(commands: Commands) -> None:
    sim = commands.add(
        "sim",
        "two modules on a virtual chassis",
        examples={
            "bmcha sim --dir /tmp/chassis": "until Ctrl-C; a second terminal can break things",
            "bmcha sim --scenario kill-active --json": "run and judge one failure",
        },
    )
    ctl = commands.add(
        "sim-ctl",
        "break and mend things on a running sim",
        examples={
            "bmcha sim-ctl --dir /tmp/chassis cut udp": "one path carries nothing any more",
            "bmcha sim-ctl --dir /tmp/chassis kill active": "the ACTIVE's process dies",
        },
    )
    if commands.is_asked_for("sim"):
        from bmcha.sim.entry import add_sim_arguments, run_sim

        add_sim_arguments(sim)
        sim.set_defaults(run=run_sim)
    if commands.is_asked_for("sim-ctl"):
        from bmcha.sim.ctl_command import add_sim_ctl_arguments, run_sim_ctl

        ctl.usage = f"{ctl.prog} [-h] --dir DIR ACTION ..."
        examples = ctl.epilog
        add_sim_ctl_arguments(ctl)
        ctl.epilog = f"{ctl.epilog}\n\n{examples}"
        ctl.set_defaults(run=run_sim_ctl)
