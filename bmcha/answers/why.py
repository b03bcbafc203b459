"""Why the role is what it is: the evidence, the waits, and the last changes."""

from __future__ import annotations

from bmcha.answers.facts import Body, Facts
from bmcha.answers.status import role
from bmcha.answers.waits import waits
from bmcha.model.moment import NS_PER_S


def _third_opinion(facts: Facts, now_ns: int) -> Body:
    """Empty: nobody is asked."""
    asked, opinions = facts.settings.third_opinion, facts.roles.own.opinions
    if asked is None:
        return {}
    told = {
        "reference": asked.address,
        "answers": opinions.answers(asked.address, asked, now_ns),
        "cut_off": facts.roles.is_cut_off(now_ns),
    }
    return {"third_opinion": told | ({"fault": opinions.fault} if opinions.fault else {})}


def why(facts: Facts, now_ns: int) -> Body:
    own = role(facts, now_ns)
    inputs = facts.roles.inputs(now_ns)
    return {
        "role": own["state"],
        "reason": own["reason"],
        "reason_text": own["reason_text"],
        "remedy": facts.roles.machine.reason.remedy,
        "epoch": own["epoch"],
        "since_s": own["since_s"],
        "evidence": {
            "board": inputs.board.value,
            "boot_window_over": inputs.is_boot_window_over,
            **_third_opinion(facts, now_ns),
            "peers": [
                {
                    "slot": peer.slot,
                    "heard": evidence.is_heard,
                    "silent": evidence.is_silent,
                    "said_goodbye": evidence.has_said_goodbye,
                    "says": evidence.role.name if evidence.role is not None else None,
                    "hears_us": evidence.hears_us,
                    "presence": evidence.presence,
                    "health": evidence.health,
                    "active": evidence.active,
                    "was_heard_active": evidence.was_heard_active,
                    "line_examination": peer.lines.step.name,
                }
                for peer, evidence in zip(facts.roles.peers, inputs.peers, strict=True)
            ],
        },
        "waits": waits(facts, now_ns),
        "history": [
            {
                "ago_s": (now_ns - change.at_ns) / NS_PER_S,
                "from": change.from_role.name,
                "to": change.to_role.name,
                "reason": change.reason.name,
                "reason_text": change.reason.sentence,
                "epoch": change.epoch,
            }
            for change in reversed(facts.roles.machine.history)
        ],
    }
