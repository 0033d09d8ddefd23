"""VMS Enterprise: a video management system.

Packages follow the data: camera -> engine -> api -> clients. What each one is
for, and who may import whom, stands in ``docs/architecture/README.md``.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
