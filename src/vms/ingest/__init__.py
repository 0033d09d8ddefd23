"""Which streams run here, their state, reconnects and reasons."""

from vms.ingest.model import MEDIA_DOWN, StreamBoard, StreamView, view_of
from vms.ingest.service import IngestWatch

__all__ = ["MEDIA_DOWN", "IngestWatch", "StreamBoard", "StreamView", "view_of"]
