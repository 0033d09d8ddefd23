"""One module a process: wiring only. Started as ``python -m vms.services.NAME``."""

__all__: list[str] = []
