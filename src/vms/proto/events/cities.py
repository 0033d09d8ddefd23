"""What happens to cities."""

from vms.proto.events.base import DomainEvent


class CityCreated(DomainEvent, frozen=True, tag="city.created"):
    """A city was added; ``city`` is its id."""


class CityDeleted(DomainEvent, frozen=True, tag="city.deleted"):
    """A city is gone; its id is never used again."""


class CityUpdated(DomainEvent, frozen=True, tag="city.updated"):
    """A city, its state, its plan or its quotas were changed."""
