"""One page of a list: what is asked, and what is found.

``after`` is the key of the last item seen, in the words of the store that
sorts the list; a page begins behind it, so that items which come or go
meanwhile neither repeat nor hide others. Callers keep it unread.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_PAGE = 200
DEFAULT_PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """At most ``limit`` items, behind ``after``; from the beginning without one."""

    limit: int = DEFAULT_PAGE
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """The items of a page; ``next`` is the ``after`` of the following one, if there is one."""

    items: tuple[T, ...]
    next: str | None = None
