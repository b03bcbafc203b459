"""No order of faults gives the chassis two holders, or none for good.

`pytest tests/sim --seeds 1000 --from-seed 40` runs more, and others.
"""

from __future__ import annotations

import pytest

from bmcha.model.role import Role
from bmcha.model.settings import BoardClass
from tests.sim.faults import RETURN_MS, Storm, roles_of

SEEDS_AT_ONCE = 10


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first = metafunc.config.getoption("--from-seed")
    count = metafunc.config.getoption("--seeds")
    metafunc.parametrize("first_seed", range(first, first + count, SEEDS_AT_ONCE))


@pytest.mark.parametrize("board", list(BoardClass))
def test_no_order_of_faults_gives_the_chassis_two_holders_or_none(
    board: BoardClass, first_seed: int
) -> None:
    for seed in range(first_seed, first_seed + SEEDS_AT_ONCE):
        storm = Storm(board, seed)
        storm.begin()
        storm.world.dual_ms = 0
        storm.rage()
        if board is BoardClass.GATED:
            assert storm.world.dual_ms == 0, f"seed {seed}: two holders\n{storm.told()}"
        storm.world.dual_ms = 0
        storm.calm()
        assert storm.world.dual_ms <= RETURN_MS, f"seed {seed}: two for long\n{storm.told()}"
        assert roles_of(storm.world) == [Role.ACTIVE, Role.STANDBY], (
            f"seed {seed}: not healed\n{storm.told()}"
        )
        storm.world.dual_ms = 0
        storm.world.run(500)
        assert storm.world.dual_ms == 0, f"seed {seed}: two in the end\n{storm.told()}"
