"""What the routes of several contexts share."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends
from starlette.requests import HTTPConnection

from vms.admin import Visit
from vms.api.caller import DEVICE_COOKIE
from vms.api.inputs import ListQuery, path_name
from vms.api.rest.examples import ID
from vms.api.visit import visit_of
from vms.common import CAMERA_ID_PATTERN

ID_PATTERN = "[0-9a-z][0-9a-z_-]{0,62}"

CameraName = Annotated[str, path_name("camera", CAMERA_ID_PATTERN, ID, "The camera's id.")]

HomeText = Annotated[
    str,
    msgspec.Meta(
        pattern="^([a-z0-9_-]{1,50})?$",
        description="A city's id; empty: the platform's own. Absent: all that one may see.",
    ),
]
PartText = Annotated[
    str, msgspec.Meta(min_length=1, max_length=100, description="Part of the name.")
]


class HomeQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A list that may be of one home."""

    home: HomeText | None = None


class Done(msgspec.Struct, frozen=True):
    """How many things were done."""

    count: int


def id_in_path(name: str, description: str, example: str = ID) -> Any:  # noqa: ANN401
    """Return the dependency for an id in a path."""
    return path_name(name, ID_PATTERN, example, description)


async def _visit(connection: HTTPConnection) -> Visit:
    return Visit(
        address=visit_of(connection).address,
        agent=connection.headers.get("user-agent", ""),
        device=connection.cookies.get(DEVICE_COOKIE),
    )


# Where a request comes from, as the services about people ask for it.
From = Annotated[Visit, Depends(_visit)]
