"""The API: one application, its routes, and failures as problem bodies."""

from vms.api.app import create_app
from vms.api.errors import problem_response

__all__ = ["create_app", "problem_response"]
