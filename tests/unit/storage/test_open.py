"""Which storage an address means, and what an address that means none is told."""

import pytest

from payment_actions_server.storage import open_storage


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "mysql://somewhere/db", "payment-actions.db"])
def test_url_of_no_database_says_what_would_be_one(url):
    with pytest.raises(ValueError, match="sqlite:///path") as error:
        open_storage(url)
    assert "postgresql://user:password@host:port/database" in str(error.value)


def test_folder_that_is_not_there_is_refused_for_it_may_be_mistyped(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        open_storage(f"sqlite:///{tmp_path / 'mistyped' / 'payments.db'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ann:sesame@db:5432", "names no database"),
        ("postgresql://ann:sesame@db:5432/", "names no database"),
        ("postgresql://ann:ses/ame@db:5432/payments", "password not %-encoded"),
        ("postgresql://ann:sesame@db:port/payments", "cannot be read"),
        ("postgresql://ann:sesame@db1:5432,db2:port/payments", "cannot be read"),
        ("mysql://ann:sesame@db/payments", "'mysql' is no kind of database"),
        ("ann:sesame@db/payments", "is no kind of database"),
        ("sesame", "is no kind of database"),
    ],
)
def test_refused_address_is_explained_without_its_password(url, says):
    with pytest.raises(ValueError, match=says) as error:
        open_storage(url)
    if url != "sesame":
        assert "ses" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:sesame@db/payments",
        "postgres://db/payments?sslmode=require",
        "postgresql://ann:sesame@db1:5432,[::1]:5433,db3/payments",
        "postgresql:///payments?host=/run/postgresql",
    ],
)
def test_nothing_is_opened_before_its_start(url):
    assert "sesame" not in repr(open_storage(url))
