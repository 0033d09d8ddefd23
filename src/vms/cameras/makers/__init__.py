"""Makers of cameras: one file each, and one line in the table below."""

from collections.abc import Mapping

from vms.cameras.makers import (
    axis,
    dahua,
    generic,
    hikvision,
    intelbras,
    reolink,
    tplink,
    uniview,
)
from vms.cameras.makers.base import Maker, PathOf

GENERIC = generic.MAKER.id

MAKERS: Mapping[str, Maker] = {
    maker.id: maker
    for maker in (
        intelbras.MAKER,
        hikvision.MAKER,
        dahua.MAKER,
        axis.MAKER,
        uniview.MAKER,
        tplink.MAKER,
        reolink.MAKER,
        generic.MAKER,
    )
}

__all__ = ["GENERIC", "MAKERS", "Maker", "PathOf"]
