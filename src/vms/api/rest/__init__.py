"""The REST routes, a file a context."""

from vms.api.operation import Operations
from vms.api.rest import (
    account,
    audit,
    auth,
    cameras,
    cities,
    events,
    keys,
    nodes,
    pictures,
    recording,
    roles,
    streams,
    system,
    users,
)

EVERY: tuple[Operations, ...] = (
    auth.ops,
    account.ops,
    users.ops,
    users.grants,
    roles.groups,
    roles.roles,
    keys.invitations,
    keys.api_keys,
    keys.stream_keys,
    cities.cities,
    cities.plans,
    audit.ops,
    cameras.makers,
    cameras.files,
    cameras.ops,
    recording.of_camera,
    recording.lines,
    recording.policies,
    pictures.ops,
    events.ops,
    nodes.ops,
    streams.ops,
    system.ops,
)

__all__ = ["EVERY"]
