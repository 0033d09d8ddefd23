"""``vms admin``: create, reset-password, rotate-keys."""

import json
import sys
from pathlib import Path
from typing import Annotated

import segno
import typer

from vms.admin import Enrolled, People
from vms.cli.options import Options
from vms.cli.people import CLI, read_password, with_people
from vms.cli.texts import Texts


def admin_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("admin.help"), no_args_is_help=True)
    _add_create(app, texts, options)
    _add_reset(app, texts, options)
    _add_rotate(app, texts, options)
    return app


def _add_create(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("create", help=texts("admin.create.help"))
    def create(
        *,
        login: Annotated[str, options("login")],
        name: Annotated[str | None, options("name")] = None,
        city: Annotated[str | None, options("home")] = None,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        password = read_password(texts)

        async def work(people: People) -> Enrolled:
            return await people.console.create_admin(CLI, login, name or login, password, city)

        _tell(texts, with_people(data, work), as_json=as_json)


def _add_reset(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("reset-password", help=texts("admin.reset.help"))
    def reset(
        *,
        login: Annotated[str, options("login")],
        city: Annotated[str | None, options("home")] = None,
        second_factor: Annotated[bool, options("second_factor")] = False,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        password = read_password(texts)

        async def work(people: People) -> tuple[int, Enrolled | None]:
            return await people.console.reset_password(
                CLI, login, city, password, second_factor=second_factor
            )

        sessions, enrolled = with_people(data, work)
        if not as_json:
            typer.echo(texts("admin.reset", login=login, sessions=sessions))
        if enrolled is not None:
            _tell(texts, enrolled, as_json=as_json)
        elif as_json:
            typer.echo(json.dumps({"login": login, "sessions": sessions}))


def _add_rotate(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("rotate-keys", help=texts("admin.rotate.help"))
    def rotate(
        *,
        withdraw: Annotated[bool, options("withdraw")] = False,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        async def work(people: People) -> str:
            await people.keys.rotate(CLI, withdraw=withdraw)
            return str(people.keys.jwks()["keys"][0]["kid"])

        kid = with_people(data, work)
        typer.echo(json.dumps({"kid": kid}) if as_json else texts("admin.rotated"))


def _tell(texts: Texts, enrolled: Enrolled, *, as_json: bool) -> None:
    """Show what is shown once; on a screen, the address as a picture for a telephone too."""
    user, enrolment, codes = enrolled.user, enrolled.enrolment, enrolled.codes
    if as_json:
        told = {
            "id": user.id,
            "login": user.login,
            "city": user.home or None,
            "secret": enrolment.secret,
            "url": enrolment.url,
            "recovery_codes": list(codes),
        }
        typer.echo(json.dumps(told))
        return
    typer.echo(
        texts(
            "admin.created",
            login=user.login,
            secret=enrolment.secret,
            url=enrolment.url,
            codes=" ".join(codes),
        )
    )
    if sys.stdout.isatty():
        segno.make(enrolment.url, micro=False).terminal(compact=True)
