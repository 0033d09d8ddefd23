"""Recording in the database: rules, catalogue, cases, exports, bookmarks.

Every statement names the city where the unit's scope is one: that is the first
lock, row-level security of PostgreSQL the second.
"""

from vms.recording.store import bookmarks, cases, catalogue, exports, rules

__all__ = ["bookmarks", "cases", "catalogue", "exports", "rules"]
