"""Generate the gRPC modules beside each .proto file of ``vms.proto``.

Run by ``make setup``; the results are built, not committed. A file is made
again only when its .proto is newer.
"""

import sys
from importlib.resources import files
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"


def is_fresh(proto: Path) -> bool:
    """Say whether every module made from ``proto`` is at least as new as it."""
    made = [
        proto.with_name(f"{proto.stem}_pb2.py"),
        proto.with_name(f"{proto.stem}_pb2.pyi"),
        proto.with_name(f"{proto.stem}_pb2_grpc.py"),
    ]
    return all(m.exists() and m.stat().st_mtime >= proto.stat().st_mtime for m in made)


def generate(proto: Path) -> None:
    """Run the protocol compiler on one file."""
    from grpc_tools import protoc  # noqa: PLC0415 - only when something is stale

    include = files("grpc_tools").joinpath("_proto")
    code = protoc.main(
        [
            "protoc",
            f"-I{SRC}",
            f"-I{include}",
            f"--python_out={SRC}",
            f"--pyi_out={SRC}",
            f"--grpc_python_out={SRC}",
            str(proto.relative_to(SRC)),
        ]
    )
    if code != 0:
        sys.exit(f"protoc failed on {proto} with code {code}")


def main() -> None:
    """Generate what is stale."""
    for proto in sorted((SRC / "vms" / "proto").rglob("*.proto")):
        if not is_fresh(proto):
            generate(proto)
            print(f"generated from {proto.relative_to(SRC)}")


if __name__ == "__main__":
    main()
