"""The schedules that chance does not make, a failure of the failure table each.

Each makes its failure for certain; one that could not be made fails the schedule, for it proves nothing.
"""

from typing import TYPE_CHECKING

from .. import pool
from .again import late_duplicate
from .late import UNHEARD, late_unit
from .nobody import stray_commit
from .partly import refused_in_part
from .unit import fate_of_a_unit
from .unseen import unseen_before_aborted

if TYPE_CHECKING:
    from ..schedule import Schedule

__all__ = ["SCENES", "UNHEARD", "fate_of_a_unit", "hide_open", "late_duplicate", "late_unit",
           "play", "refused_in_part", "stray_commit", "unseen_before_aborted"]

SCENES = {"F9": late_unit, "F15": refused_in_part, "F17": unseen_before_aborted, "F24": stray_commit,
          "F25": late_duplicate, "unit": fate_of_a_unit}


def hide_open(schedule: "Schedule") -> None:
    """The sink says of open transactions that it knows none."""
    pool.arm(schedule.slot.starrocks, {"fault": "open_multi_hidden", "database": schedule.name,
                                       "operation": "get_load_state", "count": None})


def play(schedule: "Schedule") -> None:
    if schedule.plan.hides:
        hide_open(schedule)
    SCENES[schedule.plan.kind](schedule)
