"""The address of a store on a PostgreSQL server."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from sendplan.store.postgres.address import without_schema


@pytest.mark.parametrize(
    ("options", "rest", "schema"),
    [
        ("", None, None),
        ("-c%20search_path%3Dsecond", None, "second"),
        ("-csearch_path%3Dsecond", None, "second"),
        ("--search_path%3Dsecond", None, "second"),
        ("-c%20search_path%3D%22Second%22%2Cpublic%20-c%20work_mem%3D64MB", "-c work_mem=64MB", "Second"),
        ("-c%20work_mem%3D64MB", "-c work_mem=64MB", None),
    ],
)
def test_the_schema_is_no_option_of_the_connection(options: str, rest: str | None, schema: str | None) -> None:
    """A schema in the address is taken out of the options, which a pooler would refuse or ignore; others stay."""
    url = f"postgresql://shop:p%40ss@db1,db2:5433/shop?sslmode=require&options={options}"
    address, named = without_schema(url)
    told = conninfo_to_dict(address)
    assert named == schema
    assert (told.get("options") or None) == rest
    assert (told["password"], told["host"], told["sslmode"]) == ("p@ss", "db1,db2", "require")
