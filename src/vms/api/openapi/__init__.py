"""The document of the API: OpenAPI 3.1 from the declared operations, and its 3.0 copy."""

from vms.api.openapi.document import document
from vms.api.openapi.older import older

__all__ = ["document", "older"]
