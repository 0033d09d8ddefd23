"""The API: one application, its routes, and failures as problem bodies."""

from vms.api.app import Wiring, create_app, open_wiring
from vms.api.errors import problem_response
from vms.api.ports import Claim, FirstAnswers, Gate, KeptAnswer

__all__ = [
    "Claim",
    "FirstAnswers",
    "Gate",
    "KeptAnswer",
    "Wiring",
    "create_app",
    "open_wiring",
    "problem_response",
]
