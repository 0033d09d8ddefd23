"""``vms admin`` and ``vms token``, as they are called."""

import asyncio
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from people import PASSWORD, secret_of
from vms import cli
from vms.admin import (
    Function,
    People,
    SignInDraft,
    Ticket,
    Visit,
    system_principal,
    totp,
)
from vms.cities import UNLIMITED_PLAN, Cities, CityDraft, Surroundings
from vms.cli.people import with_people
from vms.cli.texts import CATALOGUE
from vms.common import SystemClock
from vms.database import Database
from vms.database.vault import ENV_KEY

NEW = "eight purple tricycles"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with the city sp."""
    monkeypatch.delenv(ENV_KEY, raising=False)
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "vms.db")
    database = Database.open(f"sqlite:///{folder / 'vms.db'}", threads=1)
    cities = Cities(database, SystemClock(), Surroundings())
    draft = CityDraft(name="Sao Paulo", plan=UNLIMITED_PLAN)
    asyncio.run(cities.create(system_principal("test"), "sp", draft))
    database.close()
    return folder


@pytest.fixture
def vms(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("LC_ALL", "C")

    def run(*arguments: str, typed: str = "", folder: Path = data) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vms", *arguments, "--data", str(folder)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        said = capsys.readouterr()
        return (caught.value.code or 0, said.out, said.err)  # type: ignore[return-value]

    return run


def signed_in(data: Path, login: str, password: str, secret: str) -> list[str]:
    """Sign in with a second factor; return the functions that are held on the platform or sp."""

    async def work(people: People) -> list[str]:
        draft = SignInDraft(login=login, password=password)
        ticket = await people.sign_in.sign_in(draft, Visit())
        assert isinstance(ticket, Ticket)
        code = totp.code_at(secret_of(secret), totp.step_of(SystemClock().utc_us()))
        tokens = await people.sign_in.second_factor(ticket.ticket, code, Visit())
        who = await people.principal(tokens.access)
        return [function for function in Function if who.may(function, city="sp")]

    return with_people(data, work)


def test_an_admin_is_made_without_a_browser(vms: Run, data: Path) -> None:
    code, out, _ = vms("admin", "create", "--login", "root", "--json", typed=PASSWORD + "\n")
    told = json.loads(out)
    assert code == 0
    assert (told["login"], told["city"], len(told["recovery_codes"])) == ("root", None, 10)
    assert told["secret"] in told["url"]
    assert len(signed_in(data, "root", PASSWORD, told["secret"])) == len(Function)


def test_a_manager_is_made_for_a_city_that_there_is(vms: Run, data: Path) -> None:
    arguments = ("admin", "create", "--login", "bruno", "--city")
    code, out, _ = vms(*arguments, "sp", "--json", typed=PASSWORD)
    told = json.loads(out)
    assert (code, told["city"]) == (0, "sp")
    held = signed_in(data, "bruno", PASSWORD, told["secret"])
    assert "user.manage" in held
    assert "plan.manage" not in held
    for city in ("rj", "no such city"):
        code, _, said = vms(*arguments, city, typed=PASSWORD)
        assert code in {2, 5}
        assert "Traceback" not in said


def test_on_a_screen_all_is_told_in_words(vms: Run) -> None:
    code, out, _ = vms("admin", "create", "--login", "root", typed=PASSWORD)
    assert code == 0
    assert "otpauth://totp/" in out
    assert out.count("-") >= 30
    assert PASSWORD not in out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "no password came"),
        ("short\n", "12 to 256"),
        ("password1234\n", "first that anybody tries"),
    ],
)
def test_a_bad_password_makes_nobody(vms: Run, typed: str, said: str) -> None:
    code, _, err = vms("admin", "create", "--login", "root", typed=typed)
    assert code == 2
    assert said in err
    assert vms("admin", "create", "--login", "root", typed=PASSWORD)[0] == 0
    code, _, err = vms("admin", "create", "--login", "root", typed=PASSWORD)
    assert code == 6
    assert "root is taken" in err


def test_a_lost_password_and_telephone(vms: Run, data: Path) -> None:
    out = vms("admin", "create", "--login", "root", "--json", typed=PASSWORD)[1]
    secret = json.loads(out)["secret"]
    signed_in(data, "root", PASSWORD, secret)
    arguments = ("admin", "reset-password", "--login", "root")
    code, out, _ = vms(*arguments, "--json", typed=NEW)
    assert (code, json.loads(out)) == (0, {"login": "root", "sessions": 1})
    out = vms(*arguments, "--second-factor", "--json", typed=PASSWORD)[1]
    fresh = json.loads(out)["secret"]
    assert fresh != secret
    assert signed_in(data, "root", PASSWORD, fresh)
    code, _, said = vms("admin", "reset-password", "--login", "nobody", typed=NEW)
    assert code == 5
    assert "nobody has the login" in said


def test_a_login_of_two_cities_needs_its_city(vms: Run, data: Path) -> None:
    database = Database.open(f"sqlite:///{data / 'vms.db'}", threads=1)
    cities = Cities(database, SystemClock(), Surroundings())
    draft = CityDraft(name="Rio", plan=UNLIMITED_PLAN)
    asyncio.run(cities.create(system_principal("test"), "rj", draft))
    database.close()
    for city in ("sp", "rj"):
        vms("admin", "create", "--login", "ana", "--city", city, typed=PASSWORD)
    code, _, said = vms("admin", "reset-password", "--login", "ana", typed=NEW)
    assert code == 6
    assert "--city" in said
    assert vms("admin", "reset-password", "--login", "ana", "--city", "rj", typed=NEW)[0] == 0


def test_signing_keys_are_rotated(vms: Run) -> None:
    first = json.loads(vms("admin", "rotate-keys", "--json")[1])["kid"]
    second = json.loads(vms("admin", "rotate-keys", "--withdraw", "--json")[1])["kid"]
    assert first != second
    assert "new signing keys" in vms("admin", "rotate-keys")[1]


def test_api_keys_are_made_listed_and_withdrawn(vms: Run, data: Path) -> None:
    assert "no API keys" in vms("token", "list")[1]
    create = ("token", "create", "--name", "wall", "--role", "visualizador", "--scope", "city:sp")
    code, out, _ = vms(*create, "--days", "30", "--json")
    made = json.loads(out)
    assert code == 0

    async def held(people: People) -> list[str]:
        who = await people.principal(made["token"])
        return [function for function in Function if who.may(function, city="sp")]

    assert with_people(data, held) == ["live.view", "camera.read"]
    out = vms("token", "list")[1]
    assert made["id"] in out
    assert made["token"] not in out
    [listed] = json.loads(vms("token", "list", "--json")[1])
    assert (listed["name"], listed["scope"], "token" in listed) == ("wall", "city:sp", False)
    assert f"{made['id']} lasts 90 days" not in vms(*create)[1]
    assert vms("token", "revoke", made["id"])[0] == 0
    code, _, said = vms("token", "revoke", made["id"])
    assert code == 5
    assert made["id"] in said


@pytest.mark.parametrize(
    ("role", "scope", "code"),
    [
        ("visualizador", "city:rj", 5),
        ("visualizador", "camera:sp/none", 5),
        ("visualizador", "everywhere", 2),
        ("nobody", "city:sp", 5),
        ("admin", "city:sp", 2),
    ],
)
def test_what_cannot_be_given_is_refused_in_words(
    vms: Run, role: str, scope: str, code: int
) -> None:
    got, out, said = vms("token", "create", "--name", "x", "--role", role, "--scope", scope)
    assert (got, out) == (code, "")
    assert said.startswith("Error: ")


def test_an_empty_folder_gets_its_database(tmp_path: Path, vms: Run) -> None:
    fresh = tmp_path / "fresh"
    code, _, said = vms("admin", "create", "--login", "root", typed=PASSWORD, folder=fresh)
    assert code == 0, said
    assert (fresh / "vms.db").exists()


def test_a_password_is_typed_twice(vms: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([PASSWORD, NEW, PASSWORD, PASSWORD])
    monkeypatch.setattr("vms.cli.people.getpass.getpass", lambda _prompt: next(typed))
    monkeypatch.setattr("vms.cli.people.is_typed", lambda: True)
    code, _, said = vms("admin", "create", "--login", "root")
    assert code == 2
    assert "differ" in said
    assert vms("admin", "create", "--login", "root")[0] == 0


def test_what_is_shown_has_words_in_every_language() -> None:
    for language, texts in CATALOGUE.items():
        for key in ("admin.created", "token.created", "error.password_known_bad"):
            assert texts[key] != CATALOGUE["en"][key] or language == "en"
