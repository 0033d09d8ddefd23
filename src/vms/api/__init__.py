"""The API: one application, its routes, and failures as problem bodies."""

from vms.api.app import Wiring, create_app, running
from vms.api.errors import problem_response
from vms.api.events import OutboxSource, Place
from vms.api.gate import EVERYONE
from vms.api.limits import SharedLimits
from vms.api.ports import Claim, FirstAnswers, Gate, KeptAnswer
from vms.api.state import Contexts

__all__ = [
    "EVERYONE",
    "Claim",
    "Contexts",
    "FirstAnswers",
    "Gate",
    "KeptAnswer",
    "OutboxSource",
    "Place",
    "SharedLimits",
    "Wiring",
    "create_app",
    "problem_response",
    "running",
]
