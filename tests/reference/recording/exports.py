"""Exports with their manifest, made for the vectors alone."""

from dataclasses import replace
from typing import TYPE_CHECKING

from . import boxes, ledger, mkv, names, records
from .boxes import Sample
from .fields import Values, sha256
from .manifest import dump, entry_text, proof, sample_rows, signed_bytes, text
from .video import video_track

if TYPE_CHECKING:
    from .writer import Writer

Contents = list[tuple[Values, list[Sample]]]


def export(
    writer: "Writer", step: Values, tracks: list[Values], contents: Contents
) -> dict[str, bytes]:
    """Return the exported file, and the manifest beside it or in it."""
    chosen = [
        (values, samples) for values, samples in contents
        if step["first"] <= values["sequence"] <= step["last"]
    ]  # fmt: skip
    name = step["file"]
    is_mkv = name.endswith(".mkv")
    if step.get("kind") == "derived":
        chosen = key_frames(chosen)
        bare = derived(writer, tracks, chosen)
    else:
        bare = mkv.write(tracks, chosen) if is_mkv else mp4(writer, tracks, chosen)
    manifest = about(writer, step, chosen, with_times=is_mkv)
    if step["inside"] and is_mkv:
        sign(writer, step, manifest)
        return {f"export/{name}": mkv.with_attachment(bare, "manifest.json", dump(manifest))}
    manifest["sha256"] = sha256(bare).hex()
    sign(writer, step, manifest)
    if step["inside"]:
        bare += boxes.box(b"uuid", boxes.U_MANIFEST, dump(manifest))
        return {f"export/{name}": bare}
    return {f"export/{name}": bare, "export/manifest.json": dump(manifest)}


def key_frames(contents: Contents) -> Contents:
    """Return the key frames of fragments, each alone."""
    found = []
    for values, samples in contents:
        video = video_track(values)
        keys = [sample for sample in samples if sample.key and sample.track == video]
        found += [(values, keys[:1])] if keys else []
    return found


def derived(writer: "Writer", tracks: list[Values], chosen: Contents) -> bytes:
    """Return an MP4 that shows key frames one behind the other, and says nothing of fragments."""
    first = chosen[0][0]
    header = writer.header(1, 0, first["utc_us"] // names.HOUR_US, first["part"]).raw()
    data = boxes.init(tracks[:1], header)
    for number, (values, [key]) in enumerate(chosen):
        times = [{"id": key.track, "samples": 1, "first": number * key.duration}]
        shown = replace(key, delta=0, shift=0)
        data += boxes.moof_and_mdat(values | {"tracks": times}, [shown], key.track)
    return data


def mp4(writer: "Writer", tracks: list[Values], chosen: Contents) -> bytes:
    """Return a fragmented MP4 of some fragments, at the times they have."""
    first = chosen[0][0]
    header = writer.header(1, 0, first["utc_us"] // names.HOUR_US, first["part"]).raw()
    data = boxes.init(tracks, header)
    for values, samples in chosen:
        placed = values | {"offset": len(data), "size": 0}
        placed["size"] = len(boxes.fragment_boxes(placed, samples, video_track(values)))
        data += boxes.fragment_boxes(placed, samples, video_track(values))
    return data


def sign(writer: "Writer", step: Values, manifest: Values) -> None:
    """Sign a manifest."""
    manifest["signature"] = text(writer.private(step["key"]).sign(signed_bytes(manifest)))


def about(writer: "Writer", step: Values, chosen: Contents, *, with_times: bool) -> Values:
    """Return a manifest without hash and signature."""
    stream = step["stream"]
    mine = [e for e in writer.entries if e.values["stream"] == stream]
    seal = next(e for e in mine if e.type == ledger.SEAL)
    before = seal.values["number"]
    kept = [e for e in mine if e.type in ledger.SEALED and e.values["number"] < before]
    span = range(seal.values["first"], seal.values["last"] + 1)
    sealed = [values for values in writer.fragments[stream] if values["sequence"] in span]
    leaves = [e.leaf for e in kept] + [records.fragment_leaf(values) for values in sealed]
    public = writer.public(step["key"])
    signed = ledger.signed_bytes(ledger.SEAL, writer.city, writer.camera, seal.values)
    first, last = chosen[0][0], chosen[-1][0]
    return {
        "format": "vms manifest 1",
        "city": writer.city,
        "camera": writer.camera,
        "stream": stream,
        "from_us": first["utc_us"],
        "to_us": last["utc_us"] + last["duration_us"],
        "exported_us": step["utc_us"],
        "by": step["by"],
        "why": step["why"],
        "kind": step.get("kind", "original"),
        "file": step["file"],
        "sha256": "",
        "key_id": sha256(public).hex(),
        "public_key": text(public),
        "fragments": [
            {"record": text(records.core(values) + values["chain"])}
            | proof(leaves, records.fragment_leaf(values), 0)
            | {"groups": ledger.KEYS if step.get("kind") == "derived" else ledger.ALL}
            | ({"samples": sample_rows(samples)} if with_times else {})
            for values, samples in chosen
        ],
        "seals": [text(signed + seal.values["signature"])],
        "ledger": [
            {"record": entry_text(e)} | proof(leaves, e.leaf, 0) for e in kept
            if e.type != ledger.CLOCK
        ],
        "keys": [entry_text(e) for e in writer.entries if e.type == ledger.KEY],
        "gaps": [
            {name: e.values[name] for name in ("from_us", "to_us", "reason", "values")}
            for e in kept if e.type == ledger.GAP
        ],
    }  # fmt: skip
