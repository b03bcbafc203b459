"""What the log hears of what repeats at every tick."""

from bmcha.diag.log import Level
from bmcha.model.event import EffectFailed
from bmcha.runtime.audience import AWAY_NS, Audience


class Nobody:
    def role_entered(self, entered, now_ns) -> None: ...

    def event_recorded(self, record, now_ns) -> None: ...

    def answered(self, answer) -> None: ...


def test_an_effect_that_keeps_failing_is_logged_when_it_begins_changes_or_comes_back() -> None:
    said: list[str] = []

    def say(text: str, level: Level = Level.INFO) -> None:
        assert level is Level.WARNING
        said.append(text)

    audience = Audience(Nobody(), say, lambda state: None, 1, lambda _: None, lambda _: None)
    gone, back = "the device is gone", "the device says nonsense"
    tick_ns = AWAY_NS // 100
    for tick in range(300):
        audience.event_happened(EffectFailed("FeedWatchdog", gone), tick * tick_ns)
    assert said == [f"FeedWatchdog failed: {gone}"]
    audience.event_happened(EffectFailed("FeedWatchdog", back), 300 * tick_ns)
    audience.event_happened(EffectFailed("WriteImage", back), 301 * tick_ns)
    assert said[1:] == [f"FeedWatchdog failed: {back}", f"WriteImage failed: {back}"]
    audience.event_happened(EffectFailed("FeedWatchdog", back), 301 * tick_ns + AWAY_NS)
    assert said[3:] == [f"FeedWatchdog failed: {back}"]
