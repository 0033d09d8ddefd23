"""Any other camera: its addresses are taken as they are given."""

from vms.cameras.makers.base import Maker

MAKER = Maker(
    id="generic",
    title="Other",
    path=None,
    notes="Give the address of the main stream and, where there is one, of the sub-stream.",
)
