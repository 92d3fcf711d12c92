"""The configuration file: what it becomes, and everything that can be wrong with it."""

import pytest
from unit.config.conftest import GOOD

from payment_actions_server.config import Address, Config, ConfigError, ServerConfig, load_config, read_config
from payment_actions_server.domain.status import CaptureMode
from payment_actions_server.storage import open_storage
from payment_actions_server.transport.origins import Origins

ENVIRONMENT = {"XCART_API_KEY": "from-the-environment", "EMPTY": ""}


def problems(path, environment=ENVIRONMENT):
    """Return (key, problem, remedy) of everything that is wrong."""
    return [problem[1:] for problem in read_config(path, environment)[1]]


def replaced(old, new, text=GOOD):
    assert old in text
    return text.replace(old, new)


def test_a_file_becomes_a_configuration(write):
    config = load_config(write(), ENVIRONMENT)
    store = config.stores["eu-shop"]
    assert (store.payment_methods, store.capture_mode) == (("Amazon Pay",), CaptureMode.AUTHORIZE_THEN_CAPTURE)
    assert (store.partial_capture, store.partial_refund) == (False, False)
    assert (store.platform.adapter, store.gateway.adapter) == ("xcart", "amazon_pay_v1")
    assert store.platform.settings["url"] == "https://shop.example/"


def test_secrets_come_from_environment_and_file_and_never_show(write):
    config = load_config(write(), ENVIRONMENT)
    store = config.stores["eu-shop"]
    assert store.platform.settings["api_key"].get_secret_value() == "from-the-environment"
    assert store.gateway.settings["secret_key"].get_secret_value() == "from-a-file"
    assert "from-" not in repr(config)
    assert config.secrets == ("from-the-environment", "from-a-file")


def test_secrets_are_found_however_deep_they_are(write):
    text = replaced('secret_key = { file = "secret" }', 'keys = [{ new = { env = "XCART_API_KEY" } }]')
    settings = load_config(write(text), ENVIRONMENT).stores["eu-shop"].gateway.settings
    assert settings["keys"][0]["new"].get_secret_value() == "from-the-environment"


def test_everything_of_the_server_has_a_default(write, tmp_path):
    server = load_config(write(), ENVIRONMENT).server
    assert (server.grpc, server.http) == (Address("127.0.0.1", 50051), Address("127.0.0.1", 8080))
    assert server.database == f"sqlite:///{tmp_path}/payment-actions.db"
    assert (server.insecure_listen, server.grace_seconds, server.log_level) == (False, 30.0, "info")


def test_the_server_can_be_told_otherwise(write):
    table = """
    [server]
    grpc = "[::1]:0"
    http = "localhost:9000"
    database = "sqlite:////var/lib/pa.db"
    grace_seconds = 5
    log_level = "debug"
    http_origins = ["https://shop.example", "http://192.0.2.7:8443"]
    """
    server = load_config(write(table + GOOD), ENVIRONMENT).server
    assert server.http_origins == ("https://shop.example", "http://192.0.2.7:8443")
    assert (str(server.grpc), str(server.http)) == ("[::1]:0", "localhost:9000")
    assert (server.database, server.grace_seconds, server.log_level) == ("sqlite:////var/lib/pa.db", 5.0, "debug")


def test_a_database_url_may_be_a_secret(write):
    config = load_config(write('[server]\ndatabase = { env = "URL" }\n' + GOOD), ENVIRONMENT | {"URL": "sqlite:////x"})
    assert config.server.database == "sqlite:////x"
    assert "sqlite:////x" not in repr(config)


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("https://Shop.example", "which is https://shop.example"),
        ("https://shop.example:443", "which is https://shop.example."),
        ("http://shop.example:80", "which is http://shop.example."),
        ("http://shop.example:08080", "which is http://shop.example:8080."),
        ("http://[0:0:0:0:0:0:0:1]", "which is http://[::1]."),
        ("https://*.shop.example", "has a wildcard"),
        ("https://shop.example:99999", "port is not 1 to 65535"),
        ("https://shop.example:0", "port is not 1 to 65535"),
        ("https://bücher.example", "ASCII"),
        ("https://[1.2]", "not an IPv6 address"),
        ("https://192.0.2.256", "not an IPv4 address"),
        ("https://shop..example", "not a name"),
        ("https://a b.example", "is not an origin"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(write, origin, said):
    _, found = read_config(write(f'[server]\nhttp_origins = ["{origin}"]\n{GOOD}'), ENVIRONMENT)
    assert [problem.key for problem in found] == ["server.http_origins.0"]
    assert said in str(found[0])


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example",
        "http://localhost:3000",
        "https://xn--bcher-kva.example",
        "http://[::1]:8080",
        "http://192.0.2.7",
    ],
)
def test_an_origin_as_browsers_write_it_is_taken(write, origin):
    config = load_config(write(f'[server]\nhttp_origins = ["{origin}"]\n{GOOD}'), ENVIRONMENT)
    assert config.server.http_origins == (origin,)
    Origins(config.server.http_origins).check({"host": "127.0.0.1", "origin": origin})


@pytest.mark.parametrize("password", ["ge]heim", "ge[heim", "[geheim]", "geheim\u2100"])
def test_a_password_that_makes_the_address_unreadable_is_told_of_and_not_shown(write, password):
    environment = ENVIRONMENT | {"URL": f"postgresql://pay:{password}@db/pay"}
    config, found = read_config(write('[server]\ndatabase = { env = "URL" }\n' + GOOD), environment)
    assert found == []
    with pytest.raises(ValueError, match="not %-encoded") as told:  # As `check` and `serve` tell it.
        open_storage(config.server.database)
    assert "geheim" not in str(told.value)


def test_the_password_of_a_database_is_a_secret(write):
    table = '[server]\ndatabase = "postgresql://pa:hunter2hunter2@db/pa"\n'
    assert "hunter2hunter2" in load_config(write(table + GOOD), ENVIRONMENT).secrets


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "[::]:50051", "10.0.0.5:50051", "shop.example:50051"])
def test_listening_beyond_this_machine_must_be_told_explicitly(write, address):
    (problem,) = problems(write(f'[server]\ngrpc = "{address}"\n{GOOD}'))
    assert problem[0] == "server.grpc"
    assert "insecure_listen = true" in problem[2]
    assert problems(write(f'[server]\ngrpc = "{address}"\ninsecure_listen = true\n{GOOD}')) == []


def test_the_http_port_must_be_told_explicitly_too(write):
    assert [key for key, *_ in problems(write(f'[server]\nhttp = "0.0.0.0:8080"\n{GOOD}'))] == ["server.http"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"])
def test_loopback_needs_no_word(write, host):
    assert problems(write(f'[server]\ngrpc = "{host}:50051"\n{GOOD}')) == []


def test_two_ports_are_two(write):
    table = '[server]\ngrpc = "127.0.0.1:9000"\nhttp = "127.0.0.1:9000"\n'
    assert [key for key, *_ in problems(write(table + GOOD))] == ["server.http"]
    assert problems(write(table.replace("9000", "0") + GOOD)) == []


@pytest.mark.parametrize(
    ("line", "key", "said"),
    [
        ('grpc = "50051"', "server.grpc", "127.0.0.1:50051"),
        ('grpc = "127.0.0.1:70000"', "server.grpc", "host:port"),
        ("grpc = 50051", "server.grpc", "host:port"),
        ('insecure_listen = "yes"', "server.insecure_listen", "true or false"),
        ("grace_seconds = -1", "server.grace_seconds", "0 to 3600"),
        ("lease_seconds = 0", "server.lease_seconds", "1 to 3600"),
        ("grace_seconds = nan", "server.grace_seconds", "0 to 3600"),
        ('http_origins = "https://shop.example"', "server.http_origins", "List origins"),
        ('http_origins = ["shop.example"]', "server.http_origins.0", "https://shop.example"),
        ('http_origins = ["https://shop.example/"]', "server.http_origins.0", "scheme, host"),
        ('http_origins = ["*"]', "server.http_origins.0", "scheme, host"),
        ('log_level = "loud"', "server.log_level", "debug, info"),
        ('database = ""', "server.database", "sqlite:///"),
        ('gprc = "127.0.0.1:1"', "server.gprc", "Did you mean grpc?"),
        ('database = { env = "UNSET" }', "server.database", "Set UNSET"),
    ],
)
def test_what_is_wrong_with_the_server(write, line, key, said):
    found = problems(write(f"[server]\n{line}\n{GOOD}"))
    assert [problem[0] for problem in found][:1] == [key]
    assert said in found[0][2]


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('payment_methods = ["Amazon Pay"]', "", "payment_methods", "is missing"),
        ('payment_methods = ["Amazon Pay"]', "payment_methods = []", "payment_methods", "is empty"),
        ('payment_methods = ["Amazon Pay"]', 'payment_methods = [""]', "payment_methods.0", "is empty"),
        ('payment_methods = ["Amazon Pay"]', 'payment_methods = "Amazon Pay"', "payment_methods", "is not a list"),
        ('capture_mode = "authorize_then_capture"', "", "capture_mode", "is missing"),
        ('"authorize_then_capture"', '"later"', "capture_mode", "'immediate_capture'"),
        (
            "[stores.eu-shop.platform]",
            "partial_refund = 1\n[stores.eu-shop.platform]",
            "partial_refund",
            "neither true nor false",
        ),
        ("[stores.eu-shop.platform]", "capturemode = 1\n[stores.eu-shop.platform]", "capturemode", "not a setting"),
        ('adapter = "xcart"', "", "platform.adapter", "is missing"),
        ('adapter = "amazon_pay_v1"', "adapter = 1", "gateway.adapter", "is not a text"),
        ('{ env = "XCART_API_KEY" }', '{ env = "UNSET" }', "platform.api_key", "UNSET is not set"),
        ('{ env = "XCART_API_KEY" }', '{ env = "EMPTY" }', "platform.api_key", "EMPTY is empty"),
        ('{ env = "XCART_API_KEY" }', "{ env = 1 }", "platform.api_key", "not a secret's place"),
        ('{ file = "secret" }', '{ file = "none" }', "gateway.secret_key", "cannot be read"),
        ('{ file = "secret" }', '{ file = "secret", env = "A" }', "gateway.secret_key", "not a secret's place"),
        ('{ file = "secret" }', '{ file = "/dev/zero" }', "gateway.secret_key", "larger than"),
        ('{ file = "secret" }', '{ file = "/dev/null" }', "gateway.secret_key", "is empty"),
        ('{ file = "secret" }', '{ file = "/" }', "gateway.secret_key", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_store(write, old, new, key, said):
    found, problem, remedy = problems(write(replaced(old, new)))[0]
    assert found == f"stores.eu-shop.{key}"
    assert said in problem
    assert remedy


@pytest.mark.parametrize("store_id", ["EU", "-eu", '"eu shop"', '""'])
def test_a_store_id_that_callers_could_not_name_is_refused(write, store_id):
    assert "store id" in problems(write(GOOD.replace("eu-shop", store_id)))[0][1]


def test_a_store_without_its_tables(write):
    keys = [key for key, *_ in problems(write("[stores.eu]"))]
    assert keys == [f"stores.eu.{name}" for name in ("payment_methods", "capture_mode", "platform", "gateway")]


@pytest.mark.parametrize("text", ["", "stores = 1", "[stores]"])
def test_no_store_at_all_is_a_mistake(write, text):
    assert [key for key, *_ in problems(write(text))] == ["stores"]


@pytest.mark.parametrize(("text", "key"), [("stores.eu = 1", "stores.eu"), ("server = 1\n" + GOOD, "server")])
def test_what_should_be_a_table_is_one(write, text, key):
    assert (key, "is not a table") in [problem[:2] for problem in problems(write(text))]


def test_bad_toml_is_told_with_line_and_column(write):
    ((key, problem, _),) = problems(write("[server]\ngrpc = ?"))
    assert key == ""
    assert "line 2, column 8" in problem


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    assert "cannot be read" in problems(tmp_path / "none.toml")[0][1]
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in problems(tmp_path / "binary.toml")[0][1]


def test_all_problems_are_told_together_and_the_good_stores_are_kept(write):
    bad = '[server]\nlog_level = 1\n[store.x]\n[stores.bad]\ncapture_mode = "later"\n'
    config, found = read_config(write(bad + GOOD), ENVIRONMENT)
    assert {problem.key for problem in found} == {
        "server.log_level",
        "store",
        "stores.bad.payment_methods",
        "stores.bad.capture_mode",
        "stores.bad.platform",
        "stores.bad.gateway",
    }
    assert list(config.stores) == ["eu-shop"]


def test_the_error_names_file_key_problem_and_remedy(write):
    path = write(replaced('"authorize_then_capture"', '"later"'))
    with pytest.raises(ConfigError) as caught:
        load_config(path, ENVIRONMENT)
    line = str(caught.value)
    assert line.startswith(f"{path}: stores.eu-shop.capture_mode: ")
    assert line.endswith("Give one of authorize_then_capture, immediate_capture")
    assert caught.value.problems[0].file == str(path)


def test_a_configuration_can_be_made_without_a_file():
    assert Config(server=ServerConfig(grpc=Address("127.0.0.1", 0))).server.grpc.port == 0
