from dataclasses import dataclass
from typing import ClassVar

import pytest

from payment_actions_server.plugins import NO_UNKNOWN_KEYS, Secret, SettingsError, parse_settings


@dataclass(frozen=True)
class Settings:
    __pydantic_config__: ClassVar = NO_UNKNOWN_KEYS
    merchant: str
    key: Secret
    retries: int = 3


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(SettingsError) as refused:
        parse_settings(Settings, {"merchnt": "m", "key": "s3cret", "retries": "many"})
    assert {error.key for error in refused.value.all} == {"merchant", "merchnt", "key", "retries"}
    assert "s3cret" not in str([str(error) for error in refused.value.all])


def test_a_misspelt_key_gets_a_guess():
    with pytest.raises(SettingsError) as refused:
        parse_settings(Settings, {"merchnt": "m"})
    (misspelt,) = (error for error in refused.value.all if error.key == "merchnt")
    assert misspelt.remedy == "Did you mean merchant? The settings are: key, merchant, retries"
