"""Who a caller is taken for."""

import pytest

from payment_actions_server.transport.authentication import actor_of
from payment_actions_server.transport.errors import InvalidFields


class Context:
    def __init__(self, peer="ipv4:127.0.0.1:5000", **metadata):
        self._peer, self._metadata = peer, metadata

    def peer(self):
        return self._peer

    def invocation_metadata(self):
        return (("user-agent", "test"), *((key.replace("_", "-"), value) for key, value in self._metadata.items()))


def test_who_says_nothing_is_anonymous():
    assert actor_of(Context()) == "anonymous"


@pytest.mark.parametrize(
    "peer", ["ipv4:127.0.0.1:5", "ipv4:127.9.9.9:5", "ipv6:[::1]:5", "ipv6:%5B::1%5D:5", "unix:/x"]
)
def test_on_loopback_a_caller_is_believed(peer):
    assert actor_of(Context(peer, payment_actions_actor="Ann Lee")) == "Ann Lee"


@pytest.mark.parametrize("peer", ["ipv4:10.0.0.1:5", "ipv6:[2001:db8::1]:5", "ipv4:12.7.0.1:5", ""])
def test_from_elsewhere_nobody_is(peer):
    assert actor_of(Context(peer, payment_actions_actor="Ann Lee")) == "anonymous"


@pytest.mark.parametrize("actor", ["", " ", "x" * 129, "a\tb", "Jürgen", "recovery", " Ann"])
def test_a_name_that_breaks_the_rule_is_refused(actor):
    with pytest.raises(InvalidFields, match="payment-actions-actor"):
        actor_of(Context(payment_actions_actor=actor))


def test_the_longest_name_is_taken():
    assert actor_of(Context(payment_actions_actor="x" * 128)) == "x" * 128
