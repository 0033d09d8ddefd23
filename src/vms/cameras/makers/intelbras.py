"""Intelbras: its cameras and recorders are addressed as Dahua's are."""

from vms.cameras.makers import dahua
from vms.cameras.makers.base import Maker

MAKER = Maker(
    id="intelbras",
    title="Intelbras",
    path=dahua.path,
    channels=dahua.CHANNELS,
    notes="On a recorder (NVD, MHDX) the channel is its input, counted from 1.",
)
