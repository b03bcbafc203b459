"""The configuration: two TOML files in, checked values or a list of all problems out."""

from bmcha.config.board_file import find_board, shipped_boards, shipped_schema
from bmcha.config.module_file import Config, ServiceSettings, check_own_slot, load_config
from bmcha.config.table import ConfigError, ConfigProblem

__all__ = [
    "Config",
    "ConfigError",
    "ConfigProblem",
    "ServiceSettings",
    "check_own_slot",
    "find_board",
    "load_config",
    "shipped_boards",
    "shipped_schema",
]
