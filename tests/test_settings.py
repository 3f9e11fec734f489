"""Addresses of databases, in the ways in which people and hosting companies write them."""

from __future__ import annotations

import pytest

from bot.backup import Store, client_address
from config.settings import SettingsError, read_settings
from store.postgres import hosts_of

SEVERAL = "host=a:5432&host=b:5433&target_session_attrs=read-write&connect_timeout=2"


def taken(address: str) -> str:
    return read_settings(None, database_url=address).database_url


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("postgres://mime@db/mime", "postgresql+psycopg://mime@db/mime"),
        ("postgresql://mime:a%40b@db:6543/mime?sslmode=require", "postgresql+psycopg://mime:a%40b@db:6543/mime?sslmode=require"),
        ("postgresql://mime@/mime?host=/run/postgresql", "postgresql+psycopg://mime@/mime?host=/run/postgresql"),
        ("postgresql://mime:a%2Cb@a:5432,b:5433/mime", f"postgresql+psycopg://mime:a%2Cb@/mime?{SEVERAL}"),
        ("postgresql+psycopg://mime@/mime?host=a:5432,b:5433", f"postgresql+psycopg://mime@/mime?{SEVERAL}"),
        ("postgresql+psycopg://mime@/mime?host=a:5432&host=b:5433", f"postgresql+psycopg://mime@/mime?{SEVERAL}"),
        ("postgresql+psycopg://mime@/mime?host=a,b&port=5432,5433", f"postgresql+psycopg://mime@/mime?{SEVERAL}"),
        ("postgresql://a:5432,b:5433/mime", f"postgresql+psycopg:///mime?{SEVERAL}"),
        (
            "postgresql://a,b/mime?target_session_attrs=any&connect_timeout=9",
            "postgresql+psycopg:///mime?host=a&host=b&target_session_attrs=any&connect_timeout=9",
        ),
    ],
)  # fmt: skip
def test_an_address_is_taken_as_it_is_written(written: str, expected: str) -> None:
    assert taken(written) == expected
    assert taken(expected) == expected


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("postgresql://mime@a:1,a:1/mime", "'a:1' stands there twice"),
        ("postgresql://mime@a:1,b:x/mime", "'b:x' is no host with its port"),
        ("postgresql://mime@a,b/mime?port=1,2,3", "as many ports as hosts"),
        ("postgresql://mime@a:1,b:2/mime?port=3", "as many ports as hosts"),
        ("postgresql://mime@a:x/mime", "Port could not be cast"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_with_what_to_write(written: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        taken(written)


def test_each_host_of_an_address_is_known_by_its_name_and_port() -> None:
    assert hosts_of(taken("postgresql://mime@a,b:5433/mime")) == ["a:5432", "b:5433"]
    assert hosts_of(taken("postgresql://mime@db/mime")) == ["db:5432"]
    assert hosts_of(taken("postgresql://mime@/mime?host=/run/postgresql")) == ["/run/postgresql"]


def test_postgresqls_own_programs_get_the_same_hosts_and_no_password() -> None:
    store = Store("operational", taken("postgresql://mime:s3cret@a,b:5433/mime"), "MIME_DATABASE_URL", frozenset())
    assert client_address(store) == (
        "postgresql://mime@/mime?connect_timeout=2&host=a%2Cb&port=%2C5433&target_session_attrs=read-write"
    )
