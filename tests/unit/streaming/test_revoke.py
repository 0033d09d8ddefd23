"""Which events end whose streams."""

import pytest

from doubles import FakeMedia
from viewing import FakeCameras
from vms.admin import Principal
from vms.database import Database, Unit
from vms.engine import Revocation
from vms.proto.events import (
    CameraCreated,
    CameraDeleted,
    DomainEvent,
    GrantChanged,
    SessionRevoked,
    UserCreated,
    UserDeleted,
    UserUpdated,
)
from vms.streaming import StreamRevoker, StreamRights, revocation_of

AT = {"city": "sp", "at_us": 1}


class NobodyWatches:
    def present(self, _unit: Unit, who: Principal) -> Principal:
        raise AssertionError(who)


@pytest.mark.parametrize(
    ("event", "revocation"),
    [
        (SessionRevoked(user="ana", session="s1", **AT), Revocation(session="s1")),
        (SessionRevoked(user="ana", **AT), Revocation(viewer="ana")),
        (UserDeleted(user="ana", **AT), Revocation(viewer="ana")),
        (GrantChanged(user="ana", **AT), Revocation(viewer="ana")),
        (CameraDeleted(camera="gate", **AT), Revocation(camera="gate")),
        (GrantChanged(**AT), None),
        # Who only gets more, or another name, goes on watching.
        (GrantChanged(user="ana", given=True, **AT), None),
        (UserUpdated(user="ana", **AT), None),
        (UserCreated(user="ana", **AT), None),
        (CameraCreated(camera="gate", **AT), None),
    ],
)
async def test_an_event_ends_the_streams_it_concerns(
    database: Database, event: DomainEvent, revocation: Revocation | None
) -> None:
    assert revocation_of(event) == revocation
    media, rights = FakeMedia(), StreamRights(database, NobodyWatches(), FakeCameras())
    await StreamRevoker(media, rights).hear(event)
    assert media.revoked == ([revocation] if revocation else [])
