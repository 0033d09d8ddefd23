"""A writer for the golden vectors alone: does what the steps of a `vector.json` say.

It keeps every file in memory as bytes, keyed by its path below the root.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import boxes, ledger, names, records
from .boxes import Sample
from .exports import export
from .fields import NO_HASH, Value, Values, sha256
from .video import rebuild, video_track

SAMPLES = Path(__file__).parents[2] / "vectors" / "recording" / "samples"


def private(seed: str) -> Ed25519PrivateKey:
    """Return the signing key of a seed."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def public(seed: str) -> bytes:
    """Return the public key of a seed."""
    return private(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def load_samples(name: str) -> Values:
    """Return one list of samples with its codec."""
    found: Values = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def taken(track: int, source: str, first: int, count: int) -> list[Sample]:
    """Return some samples of a list, as of one fragment; behind its end the list begins again."""
    found = load_samples(source)["samples"]
    samples: list[Sample] = []
    delta = 0
    for number in range(first, first + count):
        each = found[number % len(found)]
        data = bytes.fromhex(each["hex"])
        samples.append(Sample(track, delta, each["shift"], each["key"], each["duration"], data))
        delta += each["duration"]
    return samples


class Part:
    """One part while it is written."""

    def __init__(self, step: Values, name: names.Part) -> None:
        """Begin it."""
        self.name = name
        self.epoch: int = step["epoch"]
        self.count = 0


class Content:
    """What a part was made of, so that it can be made anew."""

    def __init__(self, tracks: list[Values], key: bytes | None) -> None:
        """Begin with no fragment."""
        self.tracks, self.key = tracks, key
        self.fragments: list[tuple[Values, list[Sample]]] = []


class Writer:
    """Writes the recordings of one camera."""

    def __init__(self, vector: Values) -> None:
        """Begin with nothing on disk but the volume's name."""
        self.city, self.camera = vector["city"], vector["camera"]
        self.keys: dict[str, str] = vector["keys"]
        self.master_keys = {n: bytes.fromhex(k) for n, k in vector["master_keys"].items()}
        volume = json.dumps({"format": 1, "volume": vector["volume"]}) + "\n"
        self.files: dict[str, bytes] = {"volume.json": volume.encode()}
        self.ledger_path = names.ledger(self.camera)
        header = self.header(2, 255, 0, 0)
        self.files[self.ledger_path] = records.MAGIC + header.raw()
        self.entries: list[ledger.Entry] = []
        self.parts: dict[int, Part] = {}
        self.fragments: dict[int, list[Values]] = {}
        self.contents: dict[names.Part, Content] = {}
        self.sealed: dict[int, tuple[int, int]] = {}  # of a stream: fragments, entries
        for step in vector["steps"]:
            getattr(self, "do_" + step["do"])(step)

    def header(self, kind: int, stream: int, hour: int, part: int) -> records.Record:
        """Make a HEADER."""
        whose = {"kind": kind, "city": self.city, "camera": self.camera}
        place = {"stream": stream, "hour": hour, "part": part}
        return records.index_record(records.HEADER, whose | place)

    def append(self, kind: int, step: Values, **more: Value) -> None:
        """Append a record to the ledger."""
        before = self.entries[-1].chain if self.entries else ledger.start(self.city, self.camera)
        frame = {"number": len(self.entries) + 1, "stream": ledger.WHOLE_CAMERA}
        values = frame | step | more
        made = ledger.make_entry(kind, values, before)
        self.entries.append(made)
        self.files[self.ledger_path] += records.Record(kind, made.middle + made.chain).raw()

    def private(self, key: str) -> Ed25519PrivateKey:
        """Return a signing key by its name."""
        return private(self.keys[key])

    def public(self, key: str) -> bytes:
        """Return a public key by the name of its signing key."""
        return public(self.keys[key])

    def sign(self, kind: int, key: str, values: Values) -> bytes:
        """Sign a SEAL, a REMOVED or a KEY."""
        data = ledger.signed_bytes(kind, self.city, self.camera, values)
        return private(self.keys[key]).sign(data)

    def do_key(self, step: Values) -> None:
        """KEY: a new signing key, signed by another one or by itself."""
        own, signer = public(self.keys[step["key"]]), public(self.keys[step["signer"]])
        more = {"key_id": sha256(own), "public": own, "signer": sha256(signer)}
        self.append(ledger.KEY, step, **more, signature=self.sign(ledger.KEY, step["signer"], more))

    def do_config(self, step: Values) -> None:
        """CONFIG, and a new part."""
        encryption = step.get("encryption")
        self.append(ledger.CONFIG, step, encrypted=int(encryption is not None))
        name = names.Part(self.camera, step["hour"], step["part"], step["stream"], bool(encryption))
        self.parts[step["stream"]] = Part(step, name)
        tracks = [
            {**track, "config": bytes.fromhex(load_samples(source)["config"])}
            for track, source in zip(step["tracks"], step["samples"], strict=True)
        ]
        self.begin(name, tracks, encryption)

    def begin(self, name: names.Part, tracks: list[Values], encryption: Values | None) -> None:
        """Begin the files of a part."""
        header = self.header(1, name.stream, name.hour, name.part).raw()
        self.files[name.video] = boxes.init(tracks, header)
        self.files[name.index] = records.MAGIC + header
        key = bytes.fromhex(encryption["data_key"]) if encryption else None
        self.contents[name] = Content(tracks, key)
        if encryption and key:
            self.write_data_key(name, key, encryption)

    def write_data_key(self, name: names.Part, key: bytes, encryption: Values) -> None:
        """DATAKEY, into the video and into the index."""
        master, nonce = encryption["master"], bytes.fromhex(encryption["nonce"])
        values = boxes.wrap(key, master, self.master_keys[master], nonce, self.camera)
        record = records.index_record(records.DATAKEY, values).raw()
        self.files[name.index] += record
        self.files[name.video] += boxes.box(b"uuid", boxes.U_DATAKEY, record)

    def do_fragment(self, step: Values) -> None:
        """One fragment, into the video and into the index."""
        part = self.parts[step["stream"]]
        samples = [s for each in step["tracks"] for s in taken(each["id"], *each["samples"])]
        known = self.fragments.setdefault(step["stream"], [])
        before = known[-1]["chain"] if known else records.chain_start(self.camera, step["stream"])
        values = step | {
            "epoch": part.epoch,
            "tracks": [
                {"id": each["id"], "samples": each["samples"][2], "first": each["first"]}
                for each in step["tracks"]
            ],
            "key": boxes.group_hash(ledger.KEYS, samples, video_track(step)),
            "video": boxes.group_hash(ledger.OTHERS, samples, video_track(step)),
            "audio": boxes.group_hash(ledger.AUDIO, samples, video_track(step)),
        }
        values["chain"] = sha256(before, records.core(values))
        known.append(values)
        self.put(part.name, values, samples)
        part.count += 1

    def put(self, name: names.Part, values: Values, samples: list[Sample]) -> None:
        """Append a fragment to a part; sets its place."""
        video, key = video_track(values), self.contents[name].key
        self.contents[name].fragments.append((values, samples))
        values |= {"part": name.part, "offset": len(self.files[name.video]), "size": 0}
        values["size"] = len(boxes.fragment_boxes(values, samples, video))
        values["size"] += boxes.ENCRYPTED_AROUND if key else 0
        data = boxes.fragment_boxes(values, samples, video)
        self.files[name.video] += boxes.encrypt(data, values, self.camera, key) if key else data
        self.files[name.index] += records.index_record(records.FRAGMENT, values).raw()

    def do_close(self, step: Values) -> None:
        """CLOSE, and the file of checksums."""
        part = self.parts.pop(step["stream"])
        self.close(part.name, part.count)

    def close(self, name: names.Part, count: int) -> None:
        """End a part."""
        video = self.files[name.video]
        values = {"count": count, "size": len(video), "sha256": sha256(video)}
        self.files[name.index] += records.index_record(records.CLOSE, values).raw()
        self.files[name.sums] = "".join(
            f"{hashlib.sha256(self.files[path]).hexdigest()}  {path.rsplit('/')[-1]}\n"
            for path in (name.video, name.index)
        ).encode()

    def do_gap(self, step: Values) -> None:
        """GAP."""
        self.append(ledger.GAP, step)

    def do_clock(self, step: Values) -> None:
        """CLOCK."""
        self.append(ledger.CLOCK, step)

    def do_hold(self, step: Values) -> None:
        """HOLD."""
        self.append(ledger.HOLD, step)

    def do_reserve(self, step: Values) -> None:
        """RESERVE."""
        self.append(ledger.RESERVE, step)

    def do_seal(self, step: Values) -> None:
        """SEAL over all of a stream that no seal before it covers."""
        stream = step["stream"]
        known = self.fragments.get(stream, [])
        fragments_from, entries_from = self.sealed.get(stream, (0, 0))
        new = known[fragments_from:]
        own = [e for e in self.entries[entries_from:] if e.values["stream"] == stream]
        leaves = [e.leaf for e in own if e.type in ledger.SEALED]
        leaves += [records.fragment_leaf(values) for values in new]
        seals = [
            e.values for e in self.entries
            if (e.type, e.values["stream"]) == (ledger.SEAL, stream)
            and e.values["kind"] != ledger.INTERIM
        ]  # fmt: skip
        values = step | {
            "seal": len(seals) + 1,
            "first": new[0]["sequence"] if new else 0,
            "last": new[-1]["sequence"] if new else 0,
            "fragments": len(new),
            "leaves": len(leaves),
            "root": ledger.root(leaves),
            "chain_last": (
                known[-1]["chain"] if known else records.chain_start(self.camera, stream)
            ),
            "before": ledger.seal_hash(self.city, self.camera, seals[-1]) if seals else NO_HASH,
            "key_id": sha256(public(self.keys[step["key"]])),
        }
        self.append(ledger.SEAL, values, signature=self.sign(ledger.SEAL, step["key"], values))
        if step["kind"] != ledger.INTERIM:
            self.sealed[stream] = (len(known), len(self.entries))

    def do_removed(self, step: Values) -> None:
        """REMOVED, before anything is taken away."""
        chosen = [
            (values, samples)
            for name, content in self.contents.items() if name.stream == step["stream"]
            for values, samples in content.fragments
            if step["first"] <= values["sequence"] <= step["last"]
        ]  # fmt: skip
        gone = [
            sample for values, samples in chosen for sample in samples
            if boxes.group_of(sample, video_track(values)) & step["groups"]
        ]  # fmt: skip
        values = step | {
            "count": len(chosen),
            "bytes": sum(len(sample.data) for sample in gone),
            "root": ledger.root([records.fragment_leaf(values) for values, _ in chosen]),
            "key_id": sha256(public(self.keys[step["key"]])),
        }
        signature = self.sign(ledger.REMOVED, step["key"], values)
        self.append(ledger.REMOVED, values, signature=signature)

    def part_of(self, step: Values) -> names.Part:
        """Return the part that a step means."""
        return next(
            name for name in self.contents
            if (name.hour, name.part, name.stream) == (step["hour"], step["part"], step["stream"])
        )  # fmt: skip

    def do_delete(self, step: Values) -> None:
        """The three files of a part are gone."""
        name = self.part_of(step)
        del self.contents[name], self.files[name.video], self.files[name.index]
        self.files.pop(name.sums, None)

    def do_remake(self, step: Values) -> None:
        """A part is written anew, as another one, without some groups, or encrypted."""
        old = self.contents[self.part_of(step)]
        self.do_delete(step)
        encryption = step.get("encryption")
        place = (self.camera, step["hour"], step["to_part"], step["stream"], bool(encryption))
        name = names.Part(*place)
        self.begin(name, old.tracks, encryption)
        for values, samples in old.fragments:
            track = video_track(values)
            left = [s for s in samples if not boxes.group_of(s, track) & step["without"]]
            self.put(name, dict(values), left)
        self.close(name, len(old.fragments))

    def do_rebuild(self, step: Values) -> None:
        """The index is lost, and made again from the video."""
        name = self.part_of(step)
        self.files[name.index] = rebuild(self.files[name.video], self.master_keys)

    def do_export(self, step: Values) -> None:
        """An export of some fragments, with its manifest."""
        content = self.contents[self.part_of(step)]
        self.files |= export(self, step, content.tracks, content.fragments)
