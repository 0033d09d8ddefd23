"""Work with PyAV: pictures in, pictures out. Never on the packet path.

So far it makes the scenes of the simulated cameras; stills and transcoding
come with recording.
"""

from vms.transcode.scenes import CODECS, SceneSpec, ensure_scene

__all__ = ["CODECS", "SceneSpec", "ensure_scene"]
