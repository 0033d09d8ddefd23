"""What listeners are told: states of streams for the wall, and domain events."""

from vms.api.events.hub import EventHub
from vms.api.events.listener import Listener
from vms.api.events.listeners import CHANGED, Listeners
from vms.api.events.places import NoPlaces, PlaceBook
from vms.api.events.ports import CameraPlaces, EventSource, Place
from vms.api.events.sight import EventQuery, Sight
from vms.api.events.source import OutboxSource
from vms.api.events.together import first_of, until_cut
from vms.api.events.wall import WallFeed
from vms.api.events.wire import as_frame, as_stream

__all__ = [
    "CHANGED",
    "CameraPlaces",
    "EventHub",
    "EventQuery",
    "EventSource",
    "Listener",
    "Listeners",
    "NoPlaces",
    "OutboxSource",
    "Place",
    "PlaceBook",
    "Sight",
    "WallFeed",
    "as_frame",
    "as_stream",
    "first_of",
    "until_cut",
]
