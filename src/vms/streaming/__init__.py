"""Viewing: signed addresses, what the engine must know of them, and their end."""

from vms.streaming.keyring import AddressKeys
from vms.streaming.model import LIFETIME_S, AddressKind, AddressSigner, Claims, View
from vms.streaming.openings import EVERYTHING, Opening, Part
from vms.streaming.places import StreamPlaces
from vms.streaming.ports import (
    Callers,
    CameraPlaces,
    PlayerKey,
    PlayerKeys,
    StreamQuotas,
)
from vms.streaming.publishing import PublishAddress, publish_addresses
from vms.streaming.relays import IceServer, Relays
from vms.streaming.revoke import StreamRevoker, StreamRights, part_of, revocation_of
from vms.streaming.service import (
    MOST_AT_ONCE,
    EngineAccess,
    SignedAddress,
    StreamAddresses,
    viewer_of,
)
from vms.streaming.snapshots import Snapshot, Snapshots
from vms.streaming.talks import TalkRecorder

__all__ = [
    "EVERYTHING",
    "LIFETIME_S",
    "MOST_AT_ONCE",
    "AddressKeys",
    "AddressKind",
    "AddressSigner",
    "Callers",
    "CameraPlaces",
    "Claims",
    "EngineAccess",
    "IceServer",
    "Opening",
    "Part",
    "PlayerKey",
    "PlayerKeys",
    "PublishAddress",
    "Relays",
    "SignedAddress",
    "Snapshot",
    "Snapshots",
    "StreamAddresses",
    "StreamPlaces",
    "StreamQuotas",
    "StreamRevoker",
    "StreamRights",
    "TalkRecorder",
    "View",
    "part_of",
    "publish_addresses",
    "revocation_of",
    "viewer_of",
]
