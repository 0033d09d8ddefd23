"""What happens to cities."""

from vms.proto.events.base import DomainEvent


class CityCreated(DomainEvent, frozen=True, tag="city.created"):
    """A city was added; ``city`` is its id."""


class CityUpdated(DomainEvent, frozen=True, tag="city.updated"):
    """A city, its plan or its quotas were changed."""
