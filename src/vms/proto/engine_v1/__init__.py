"""``vms.engine.v1``: the generated messages and stubs of the media process.

``scripts/generate_proto.py`` makes the modules from ``engine.proto``.
"""

from vms.proto.engine_v1 import engine_pb2 as messages
from vms.proto.engine_v1 import engine_pb2_grpc as stubs

__all__ = ["messages", "stubs"]
