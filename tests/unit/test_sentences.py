"""What the log says of a role."""

from bmcha.diag.sentences import sentence_of_role
from bmcha.model.effect import EnterRole
from bmcha.model.role import Reason, Role


def entered(role: Role) -> EnterRole:
    return EnterRole(role, Reason.PEER_SILENT, 7, Role.STANDBY)


def test_a_role_that_is_entered_is_told_from_where_and_one_that_is_kept_as_kept() -> None:
    assert sentence_of_role(entered(Role.FENCING), 1) == (
        f"slot 1 is FENCING now, was STANDBY; epoch 7. {Reason.PEER_SILENT.sentence}"
    )
    assert sentence_of_role(entered(Role.STANDBY), None) == (
        f"this module stays STANDBY; epoch 7. {Reason.PEER_SILENT.sentence}"
    )
