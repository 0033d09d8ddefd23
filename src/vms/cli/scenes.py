"""The scenes of simulated cameras: made once, with progress shown."""

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from vms.cli.texts import Texts
from vms.common import InvalidError
from vms.proto import LogSettings, SimulatorLaunch
from vms.transcode import SceneSpec, ensure_scene

FPS = 25
MOST_CAMERAS = 10_000
SIZES = {
    "720p": (1280, 720, 1_000_000),
    "1080p": (1920, 1080, 4_000_000),
    "4k": (3840, 2160, 16_000_000),
}
SUB_SIZE = (640, 360, 500_000)
# A loop is at least this long.
LOOP_SECONDS = 10


def scenes_folder() -> Path:
    """Return where scenes are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vms" / "scenes"


def specs(codec: str, size: str, key_interval: int = 1) -> tuple[SceneSpec, SceneSpec]:
    """Return main and sub-stream."""
    if size not in SIZES:
        raise InvalidError(
            f"size {size}: allowed are {', '.join(SIZES)}",
            code="size_unknown",
            values={"value": size, "allowed": ", ".join(SIZES)},
        )
    # Whole groups only.
    seconds = -(-LOOP_SECONDS // key_interval) * key_interval

    def spec(shape: tuple[int, int, int]) -> SceneSpec:
        return SceneSpec(*shape, codec=codec, fps=FPS, seconds=seconds, group_seconds=key_interval)

    return spec(SIZES[size]), spec(SUB_SIZE)


def make_scenes(codec: str, size: str, texts: Texts, key_interval: int = 1) -> tuple[Path, Path]:
    """Return the files of main and sub-stream, making what is missing."""
    main, sub = specs(codec, size, key_interval)
    folder = scenes_folder()
    console = Console(file=sys.stderr)
    missing = [spec for spec in (main, sub) if not (folder / spec.file_name).exists()]
    if missing and not console.is_terminal:
        console.print(texts("scenes.making"))
    with Progress(console=console, transient=True, disable=not missing) as progress:
        task = progress.add_task(texts("scenes.making"), total=float(len(missing) or 1))

        def make(spec: SceneSpec, done: int) -> Path:
            return ensure_scene(
                folder, spec, lambda share: progress.update(task, completed=done + share)
            )

        paths = [make(spec, number) for number, spec in enumerate((main, sub))]
    return paths[0], paths[1]


def farm(
    cameras: int,
    scenes: tuple[Path, Path],
    *,
    log: LogSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    user: str | None = None,
    password: str | None = None,
    audio: bool = False,
    faults: tuple[tuple[int, str], ...] = (),
) -> SimulatorLaunch:
    """Return the orders of a farm."""
    return SimulatorLaunch(
        main=str(scenes[0]),
        sub=str(scenes[1]),
        host=host,
        port=port,
        cameras=cameras,
        main_fps=float(FPS),
        sub_fps=float(FPS),
        user=user,
        password=password,
        audio=audio,
        faults=faults,
        log=log,
    )
