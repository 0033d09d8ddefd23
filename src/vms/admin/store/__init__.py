"""The rows of people, in the database.

Every function takes the unit of work it belongs to. A unit of a city sees that
city alone: by the conditions here, and on PostgreSQL by row-level security too.
"""

from vms.admin.store import keys, people, sign_in

__all__ = ["keys", "people", "sign_in"]
