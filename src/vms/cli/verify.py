"""``vms verify``: recordings and exports proved as they lie, without a server or a data folder."""

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from vms.cli.options import Options
from vms.cli.texts import Texts
from vms.common import InternalError
from vms.engine.recording import CameraFiles, FileAnswer, FileFinding, LooseFiles
from vms.recording import Offline, Proved, Trust, Unpacker, Verdict, master_keys, pinned, worst

EXIT = {
    Verdict.INTACT: 0,
    Verdict.UNPROVED: 1,
    Verdict.DAMAGED: 1,
    Verdict.UNREADABLE: 2,
}


class Told(msgspec.Struct, frozen=True):
    """What ``--json`` prints."""

    verdict: Verdict
    results: list[Proved]


def add_verify(app: typer.Typer, texts: Texts, options: Options) -> None:
    """Add the command."""

    @app.command("verify", help=texts("verify.help"))
    def verify(
        paths: Annotated[list[Path], typer.Argument(help=texts("argument.proved"))],
        *,
        key: Annotated[str, options("trusted")] = "",
        master: Annotated[Path | None, options("master_keys", exists=True, file_okay=False)] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        trust = Trust(pin=pinned(key) if key else "", masters=master_keys(master) if master else {})
        unpacker = Unpacker(lambda: _password(texts))
        with contextlib.closing(unpacker):
            offline = Offline(_verifier(texts), trust, unpacker)
            found = [one for path in paths for one in offline.prove(path)]
        verdict = worst(found)
        if as_json:
            typer.echo(msgspec.json.encode(Told(verdict, found)).decode())
        else:
            _say(found, texts, pinned_key=bool(key))
        raise typer.Exit(EXIT[verdict])


def _password(texts: Texts) -> str:
    return str(typer.prompt(texts("verify.password"), hide_input=True, err=True))


def _verifier(texts: Texts) -> Callable[[CameraFiles | LooseFiles], FileAnswer]:
    """Return the compiled format."""
    try:
        from vms.engine import native  # noqa: PLC0415 - loads the engine
    except ImportError:
        raise InternalError(texts("verify.no_engine")) from None
    return native.verify_files


def _say(found: list[Proved], texts: Texts, *, pinned_key: bool) -> None:
    for one in found:
        words = [texts(f"verify.verdict.{one.verdict}"), one.path]
        if one.fragments:
            words.append(
                texts("verify.about", city=one.city, camera=one.camera, fragments=one.fragments)
            )
        if one.error:
            words.append(one.error)
        typer.echo("  ".join(words))
        for finding in one.findings:
            typer.echo(f"    {_line(finding, texts)}")
    if not pinned_key and any(one.keys for one in found):
        typer.echo(texts("verify.unknown"))
    counts = Counter(one.verdict for one in found)
    told = {verdict.value: counts[verdict] for verdict in Verdict}
    typer.echo(texts("verify.sum", things=len(found), **told))


def _line(finding: FileFinding, texts: Texts) -> str:
    words = [texts(f"verify.state.{finding.state}"), finding.file]
    if finding.first:
        key = "verify.fragment" if finding.first == finding.last else "verify.fragments"
        words.append(texts(key, first=finding.first, last=finding.last))
    if finding.from_us:
        words.append(f"{_when(finding.from_us)} … {_when(finding.to_us)}")
    words.append(texts(f"verify.why.{finding.why}") if finding.why != "none" else "")
    if finding.detail:
        words.append(f"({finding.detail})")
    return "  ".join(word for word in words if word)


def _when(at_us: int) -> str:
    return (
        datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
    )
