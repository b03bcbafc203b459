"""A chip that goes in the moment in which its output is opened: no real chip does it on demand."""

import pytest
from periphery import GPIOError

from bmcha.hal import gpio_lines
from bmcha.hal.gpio_chips import Found
from bmcha.hal.gpio_lines import GpioLine
from bmcha.hal.port import PortError
from bmcha.model.board import LineGpio


class Output:
    """Stands for python-periphery's GPIO."""

    is_gone = False
    open_count = 0

    def __init__(self, *_: object, **__: object) -> None:
        Output.open_count += 1

    def write(self, is_high: bool) -> None:
        if Output.is_gone:
            raise GPIOError(19, "Setting line value: No such device")

    def close(self) -> None:
        Output.open_count -= 1


@pytest.fixture(autouse=True)
def chip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_lines, "GPIO", Output)
    monkeypatch.setattr(gpio_lines, "find_line", lambda _: Found("/dev/gpiochip0", 4))
    monkeypatch.setattr(gpio_lines, "BACKOFF_MIN_NS", 0)
    monkeypatch.setattr(Output, "is_gone", False)
    monkeypatch.setattr(Output, "open_count", 0)


def test_an_output_whose_chip_goes_while_it_is_opened_is_a_line_that_is_not_there() -> None:
    line = GpioLine(LineGpio("bench", 4), is_output=True)
    Output.is_gone = True
    for _ in range(3):
        with pytest.raises(PortError, match="cannot be driven"):
            line.drive(True)
        assert line.level() is None
    assert Output.open_count == 0
    with pytest.raises(PortError, match="No such device"):
        GpioLine(LineGpio("bench", 4), is_output=True)
    Output.is_gone = False
