"""A farm of simulated cameras: RTSP servers that play scenes."""

import asyncio
import sys

from vms.engine import FarmConfig
from vms.engine.native import NativeLogs, NativeSimulator
from vms.proto import SimulateLaunch, SimulatorLaunch
from vms.services import child
from vms.telemetry import get_logger

log = get_logger("vms.services.simulator")


def farm_config(orders: SimulatorLaunch) -> FarmConfig:
    """Return what the farm is started with."""
    user = (orders.user, orders.password or "") if orders.user is not None else None
    return FarmConfig(
        main=orders.main,
        sub=orders.sub,
        cameras=orders.cameras,
        bind=orders.host,
        port=orders.port,
        main_fps=orders.main_fps,
        sub_fps=orders.sub_fps,
        audio=orders.audio,
        user=user,
    )


async def run(orders: SimulateLaunch, post: child.Post) -> None:
    """Serve until told to stop."""
    stop = child.stop_signal()
    logs = NativeLogs(orders.simulator.log.level)
    simulator = NativeSimulator(farm_config(orders.simulator))
    addresses = {"rtsp": await simulator.start()}
    writing = asyncio.create_task(logs.run())
    try:
        for camera, fault in orders.simulator.faults:
            await simulator.fault(camera, fault)
        post.ready(addresses)
        if not post.has_parent:
            child.announce(orders.announcement, addresses, addresses)
        log.info("simulator_ready", address=addresses["rtsp"], cameras=orders.simulator.cameras)
        await child.until(stop, writing)
    finally:
        await simulator.stop()
        writing.cancel()
        logs.write()


if __name__ == "__main__":
    sys.exit(child.main("simulator", SimulateLaunch, lambda orders: orders.simulator.log, run))
