"""Write docs/reference/configuration.md and vms.example.toml from the model."""

from pathlib import Path

from vms.config import example, reference

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def main() -> None:
    """Write both files."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    (REFERENCE / "configuration.md").write_text(reference(), encoding="utf-8")
    (REFERENCE / "vms.example.toml").write_text(example(), encoding="utf-8")


if __name__ == "__main__":
    main()
