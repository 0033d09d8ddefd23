"""``vms verify``: files as they lie are proved, and one changed bit is found and named."""

import asyncio
import hashlib
import json
import shutil
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from recorder import FakeRecorder
from recordings import DAY, LEDGER, copy, flip, folder, pinned, root, vector
from vms import cli
from vms.engine.recording import SIGN, Signable, SignRequest
from vms.recording import Packing
from vms.recording.signing import signature_file

pytestmark = pytest.mark.engine

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
NOTED = b'{"case":{},"notes":[{"text":"the driver is seen"}]}'
STILL = "stills/1-gate.jpg"


@pytest.fixture
def verify(monkeypatch: Patch, capsys: Capture) -> Any:  # noqa: ANN401 - a function of the tests
    """Return the command: exit status and what it told as JSON."""

    def run(*arguments: object) -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["vms", "verify", *map(str, arguments), "--json"])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return int(caught.value.code or 0), json.loads(capsys.readouterr().out)

    return run


def blamed(told: dict[str, Any]) -> set[str]:
    """Return the names of the files that something is wrong with."""
    found = (finding for one in told["results"] for finding in one["findings"])
    good = {"intact", "rebuilt", "removed"}
    return {one["file"].rpartition("/")[2] for one in found if one["state"] not in good}


def packed(tmp_path: Path, password: str | None = None) -> Path:
    """Return the ZIP of an export, as the product makes it."""
    work = Path(shutil.copytree(folder("mkv-export") / "root/export", tmp_path / "home/work"))
    page = tmp_path / "verify.html"
    page.write_text("<p>verifies</p>", encoding="utf-8")
    made = Packing(page).pack(work.parent, work, {"clip.mkv": "ten"}, password, bare=False)
    return work.parent / made.file


def within(archive: Path, name: str) -> int:
    """Return where the bytes of a member begin."""
    with zipfile.ZipFile(archive) as members, members.open(name) as member:
        first = member.read(32)
    return archive.read_bytes().index(first)


@pytest.mark.parametrize(
    "given",
    ["", "cameras", "cameras/gate", DAY, f"{DAY}/video_10.mp4", f"{DAY}/index_10.vms-idx", LEDGER],
)
def test_recordings_are_proved_from_any_folder_or_file(verify: Any, given: str) -> None:  # noqa: ANN401
    status, told = verify(root("plain") / given)
    assert (status, told["verdict"]) == (0, "intact")
    assert [one["camera"] for one in told["results"]] == ["gate"]


def test_a_derived_file_is_said_not_to_be_the_recording(
    verify: Any,  # noqa: ANN401
    monkeypatch: Patch,
    capsys: Capture,
) -> None:
    clip = root("derived") / "export/clip.mp4"
    status, told = verify(clip)
    assert (status, told["verdict"]) == (0, "intact")
    ((finding,),) = (one["findings"] for one in told["results"])
    assert (finding["state"], finding["why"]) == ("intact", "derived")
    assert (finding["first"], finding["last"]) == (3, 5)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr(sys, "argv", ["vms", "verify", str(clip)])
    with pytest.raises(SystemExit):
        cli.main()
    assert "is not the recording itself" in capsys.readouterr().out


@pytest.mark.parametrize("case", ["mp4-export", "mkv-export", "mkv-inside"])
def test_exports_are_proved_by_their_manifests(verify: Any, case: str) -> None:  # noqa: ANN401
    status, told = verify(root(case) / "export")
    assert (status, told["results"][0]["fragments"]) == (0, 3)


@pytest.mark.parametrize(
    ("case", "file", "at"),
    [
        ("plain", f"{DAY}/video_10.mp4", 2200),
        ("plain", f"{DAY}/index_10.vms-idx", 150),
        ("plain", f"{DAY}/video_10.sha256", 3),
        ("plain", LEDGER, 300),
        ("mp4-export", "export/clip.mp4", 2200),
        ("mkv-export", "export/clip.mkv", 1500),
        ("mkv-export", "export/manifest.json", 700),
        ("mkv-export", "export/manifest.json", 0),
    ],
)
def test_one_bit_is_found_and_its_file_named(
    verify: Any,  # noqa: ANN401
    tmp_path: Path,
    case: str,
    file: str,
    at: int,
) -> None:
    volume = copy(case, tmp_path)
    flip(volume / file, at)
    # The folder, and the file alone.
    for path in (volume / file, (volume / file).parent):
        status, told = verify(path)
        name = Path(file).name
        assert status in {1, 2}, told
        assert name in blamed(told) or name in json.dumps(told["results"]), told
        assert told["verdict"] != "intact"


def test_the_fragment_and_its_time_are_named(verify: Any, tmp_path: Path) -> None:  # noqa: ANN401
    volume = copy("plain", tmp_path)
    flip(volume / DAY / "video_10.mp4", 2500)
    _status, told = verify(volume)
    (finding, *_) = (
        one for result in told["results"] for one in result["findings"] if one["first"]
    )
    assert (finding["first"], finding["state"]) == (1, "changed")
    assert finding["from_us"] == 1_795_773_600_000_000


def test_another_hour_of_the_camera_is_not_blamed(verify: Any, tmp_path: Path) -> None:  # noqa: ANN401
    volume = copy("hour-removed", tmp_path)
    flip(volume / DAY / "video_11.mp4", 2500)
    assert verify(volume / DAY / "video_11.mp4")[0] == 1


def test_the_key_that_is_trusted_decides(verify: Any, tmp_path: Path) -> None:  # noqa: ANN401
    import hashlib  # noqa: PLC0415 - of this test alone

    public = pinned("plain")
    mark = hashlib.sha256(public).hexdigest()
    key = Ed25519PublicKey.from_public_bytes(public)
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    noted = tmp_path / "key.txt"
    noted.write_text(mark.upper() + "\n", encoding="utf-8")
    colons = ":".join(mark[n : n + 2] for n in range(0, 64, 2))
    for trusted in (mark, colons, pem, noted):
        for path in (root("plain"), root("mp4-export") / "export"):
            status, told = verify(path, "--key", trusted)
            assert (status, told["results"][0]["signer_known"]) == (0, True)
    other = "0" * 64
    status, told = verify(root("plain"), "--key", other)
    assert (status, told["verdict"]) == (1, "damaged")


def test_encrypted_hours_need_their_key(verify: Any, tmp_path: Path) -> None:  # noqa: ANN401
    assert verify(root("encrypted"))[1]["verdict"] == "unproved"
    for name, key in vector("encrypted")["master_keys"].items():
        (tmp_path / f"master-{name}.key").write_bytes(bytes.fromhex(key))
    assert verify(root("encrypted"), "--master-keys", tmp_path)[0] == 0
    volume = copy("encrypted", tmp_path)
    flip(volume / DAY / "video_10.mp4e", 2500)
    status, told = verify(volume, "--master-keys", tmp_path)
    assert (status, "video_10.mp4e" in blamed(told)) == (1, True)


def test_zips_are_read_where_they_lie(verify: Any, tmp_path: Path) -> None:  # noqa: ANN401
    archive = packed(tmp_path)
    status, told = verify(archive)
    assert (status, len(told["results"])) == (0, 2), told
    for name in ("clip.mkv", "manifest.json", "verify.html", "FILES.txt"):
        broken = tmp_path / f"{name}.zip"
        shutil.copy(archive, broken)
        flip(broken, within(archive, name) + 5)
        status, told = verify(broken)
        assert status in {1, 2}, (name, told)
        assert name in blamed(told), (name, told)


def test_zips_under_a_password_are_opened(
    verify: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: Patch,
) -> None:
    archive = packed(tmp_path, "correct horse")
    asked = iter(["correct horse", "wrong", "correct horse"])
    monkeypatch.setattr("typer.prompt", lambda *_args, **_more: next(asked))
    assert verify(archive)[0] == 0
    assert verify(archive)[0] == 2
    flip(archive, 200)
    status, told = verify(archive)
    assert (status, told["verdict"]) == (1, "damaged")


def test_a_case_is_proved_with_the_clips_in_it(verify: Any, tmp_path: Path) -> None:  # noqa: ANN401
    clip = packed(tmp_path)
    home = tmp_path / "case"
    home.mkdir()
    archive = case_of(tmp_path, home, [("one.zip", clip)], {})
    status, told = verify(archive)
    assert (status, told["results"][0]["fragments"]) == (0, 3), told
    flip(archive, within(archive, "clips/one.zip") + within(clip, "clip.mkv") + 1500)
    status, told = verify(archive)
    assert (status, "clip.mkv" in blamed(told)) == (1, True)


def case_of(
    tmp_path: Path, home: Path, clips: list[tuple[str, Path]], stills: dict[str, bytes]
) -> Path:
    """Return the archive of a case, signed as the engine signs."""
    packing = Packing(tmp_path / "verify.html")
    contents = packing.contents(home, NOTED, clips, stills)
    signed = asyncio.run(
        FakeRecorder().recording(SIGN, SignRequest(Signable.CASE, contents.digest))
    )[0]
    signature = signature_file(contents.digest, signed)
    return home / packing.archive(home, contents, signature, None).file


def repacked(archive: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
    """Return the ZIP made again with one file in it other, so that no checksum of it tells."""
    made = archive.with_name(f"{name.replace('/', '-')}-other.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(made, "w") as new:
        for one in old.namelist():
            data = old.read(one)
            kept = change(data) if one == name else data
            if kept is not None:
                new.writestr(one, kept)
    return made


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.fixture
def signed_case(tmp_path: Path) -> Path:
    (tmp_path / "verify.html").write_text("<p>verifies</p>", encoding="utf-8")
    home = tmp_path / "case"
    home.mkdir()
    return case_of(tmp_path, home, [], {STILL: b"a picture of the driver"})


def test_the_archive_of_a_case_is_signed_as_a_whole(verify: Any, signed_case: Path) -> None:  # noqa: ANN401
    status, told = verify(signed_case)
    ((keys, known),) = [(one["keys"], one["signer_known"]) for one in told["results"]]
    assert (status, len(keys), known) == (0, 2, False), told
    # The key that signed, and the one before, which vouched for it.
    for key in keys:
        status, told = verify(signed_case, "--key", key)
        assert (status, told["results"][0]["signer_known"]) == (0, True)
    status, told = verify(signed_case, "--key", "0" * 64)
    assert (status, blamed(told)) == (1, {"SHA256SUMS.sig"})


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("case.json", 0),
        # Of a note.
        ("case.json", NOTED.index(b"driver")),
        (STILL, 3),
        ("verify.html", 1),
        ("SHA256SUMS", 5),
        ("SHA256SUMS", 70),
    ],
)
@pytest.mark.parametrize("quietly", [False, True])
def test_one_bit_of_a_case_is_found(
    verify: Any,  # noqa: ANN401
    signed_case: Path,
    name: str,
    at: int,
    *,
    quietly: bool,
) -> None:
    if quietly:
        broken = repacked(signed_case, name, flipped(at))
    else:
        broken = signed_case
        flip(broken, within(broken, name) + at)
    status, told = verify(broken)
    assert (status, told["verdict"]) == (1, "damaged")
    assert Path(name).name in blamed(told), told


def test_no_byte_of_the_signature_may_change(verify: Any, signed_case: Path) -> None:  # noqa: ANN401
    with zipfile.ZipFile(signed_case) as members:
        size = len(members.read("SHA256SUMS.sig"))
    missed = []
    for at in range(0, size, 7):
        status, told = verify(repacked(signed_case, "SHA256SUMS.sig", flipped(at)))
        if (status, blamed(told) & {"SHA256SUMS.sig", "SHA256SUMS"}) == (0, set()):
            missed.append(at)
    assert missed == []


def test_who_makes_the_hashes_anew_has_no_signature(verify: Any, signed_case: Path) -> None:  # noqa: ANN401
    def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
        return lambda data: data.replace(old, new)

    noted = NOTED.replace(b"driver", b"nobody")
    digests = [hashlib.sha256(one).hexdigest().encode() for one in (NOTED, noted)]
    other = repacked(signed_case, "case.json", lambda _: noted)
    forged = repacked(other, "SHA256SUMS", swap(*digests))
    assert (verify(forged)[0], blamed(verify(forged)[1])) == (1, {"SHA256SUMS"})
    bare = repacked(forged, "SHA256SUMS.sig", lambda _: None)
    status, told = verify(bare)
    assert (status, told["verdict"], blamed(told)) == (1, "unproved", {"SHA256SUMS.sig"})


@pytest.mark.parametrize("name", ["stills/other.jpg", STILL])
def test_what_was_put_into_a_case_is_found(
    verify: Any,  # noqa: ANN401
    signed_case: Path,
    name: str,
) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(signed_case, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(name, b"a picture of the driver")
    status, told = verify(signed_case)
    assert (status, blamed(told)) == (1, {Path(name).name}), told


@pytest.mark.parametrize("content", [b"", b"no video", b"PK\x03\x04 torn"])
def test_what_is_no_recording_cannot_be_read(
    verify: Any,  # noqa: ANN401
    tmp_path: Path,
    content: bytes,
) -> None:
    for name in ("clip.mp4", "export.zip", "notes.txt"):
        (tmp_path / name).write_bytes(content)
        assert verify(tmp_path / name)[0] == 2
    assert verify(tmp_path / "absent")[0] == 2


def test_people_are_told_in_words(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    volume = copy("plain", tmp_path)
    flip(volume / DAY / "video_10.mp4", 2500)
    monkeypatch.setenv("LANG", "pt_BR.UTF-8")
    monkeypatch.setattr(sys, "argv", ["vms", "verify", str(volume)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    told = capsys.readouterr().out
    assert caught.value.code == 1
    assert "danificado" in told
    assert "fragmento 1" in told
    assert "2026-11-27 10:00:00.000Z" in told


def test_a_key_that_is_none_is_refused(monkeypatch: Patch, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    for key in ("abc", str(other)):
        monkeypatch.setattr(sys, "argv", ["vms", "verify", str(tmp_path), "--key", key])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert caught.value.code == 2
