"""The steps that make the tables, one file each in ``versions``.

A step imports no context: it must do the same for ever, whatever becomes of them.
"""

from alembic import op

__all__ = ["secure_by_city"]


def secure_by_city(table: str) -> None:
    """Let PostgreSQL show a table's rows to their city and to the platform alone.

    Forced, so that it binds the tables' owner, which is who the product signs in
    as. Without a transaction's ``vms.city`` nobody sees anything.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # In a SELECT of its own the setting is read once, not once a row.
    op.execute(
        f"CREATE POLICY {table}_city ON {table} USING "
        "((SELECT current_setting('vms.city', true)) = '*' "
        "OR city = (SELECT current_setting('vms.city', true)))"
    )
