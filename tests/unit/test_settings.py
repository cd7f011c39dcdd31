"""Settings: accepted and refused values, names and combinations. An error is one line without a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivebay.cli.operator.certificates import CertificateAuthority
from drivebay.config import SETTINGS, SettingsError, load
from drivebay.config.guide import render_guide
from drivebay.ingest.settings import EventSource

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "settings.md"
STORE = {
    "DRIVEBAY_S3_ENDPOINT": "http://store:9000",
    "DRIVEBAY_S3_ACCESS_KEY": "access-key",
    "DRIVEBAY_S3_SECRET_KEY": "canary-store-key",
}
SECRET = "canary-0123456789abcdefghijklmnopqrstuv"


def settings_error(folder: Path, **environ: str) -> str:
    """Return the error of a start with these variables. It must be one line."""
    with pytest.raises(SettingsError) as caught:
        load(environ, folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["UPLOAD_TTL", "DOWNLOAD_TTL", "SWEEP_INTERVAL", "JANITOR_INTERVAL"])
def test_lifetimes_and_intervals_must_be_above_zero(tmp_path: Path, name: str) -> None:
    assert "above zero" in settings_error(tmp_path, **{f"DRIVEBAY_{name}": "0s"})


def test_trash_grace_may_be_zero(tmp_path: Path) -> None:
    assert load({"DRIVEBAY_TRASH_GRACE": "0s"}, tmp_path).trash_grace == timedelta()


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "８０", "1.0"])
def test_port_outside_1_to_65535_is_refused(tmp_path: Path, text: str) -> None:
    assert settings_error(tmp_path, DRIVEBAY_PORT=text) == f"DRIVEBAY_PORT: {text!r} is not a number from 1 to 65535"


def test_networks_are_normalised_and_host_names_are_refused(tmp_path: Path) -> None:
    settings = load({"DRIVEBAY_TRUSTED_PROXIES": "10.0.0.0/8, 192.168.1.7,fd00::/8"}, tmp_path)
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.168.1.7/32", "fd00::/8")
    assert "networks such as" in settings_error(tmp_path, DRIVEBAY_TRUSTED_PROXIES="10.0.0.0/8,proxy.example")


@pytest.mark.parametrize("name", ["TRASH_GRACE", "ACCESS_TOKEN_TTL", "UPLOAD_TTL", "JANITOR_INTERVAL"])
@pytest.mark.parametrize("text", ["9999999999999d", "36500.1d", "9" * 400 + "s"])
def test_duration_above_100_years_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert "36500d at most" in settings_error(tmp_path, **{f"DRIVEBAY_{name}": text})


def test_trash_grace_of_100_years_is_accepted(tmp_path: Path) -> None:
    assert load({"DRIVEBAY_TRASH_GRACE": "36500d"}, tmp_path).trash_grace == timedelta(days=36500)


@pytest.mark.parametrize("name", ["QUOTA", "MAX_FILE_SIZE"])
@pytest.mark.parametrize("text", [str(2**62 + 1), "4194305TiB", "4194304.5TiB", "9" * 5000, "9" * 400 + ".5GiB"])
def test_size_above_the_maximum_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert "4194304TiB at most" in settings_error(tmp_path, **{f"DRIVEBAY_{name}": text})


def test_maximum_size_is_accepted_in_every_notation(tmp_path: Path) -> None:
    for text in (str(2**62), "4194304TiB", "0" * 30 + str(2**62)):
        assert load({"DRIVEBAY_QUOTA": text}, tmp_path).quota == 2**62


@pytest.mark.parametrize("name", ["UPLOAD_TTL", "DOWNLOAD_TTL"])
def test_signed_url_lifetime_is_1_second_to_7_days(tmp_path: Path, name: str) -> None:
    for text in ("8d", "169h", "250ms"):
        assert "from 1s to 7d" in settings_error(tmp_path, **{f"DRIVEBAY_{name}": text})
    settings = load({f"DRIVEBAY_{name}": "7d"}, tmp_path)
    assert getattr(settings, name.lower()) == timedelta(days=7)


@pytest.mark.parametrize("name", ["FILER", "METRICS", "AUTH"])
@pytest.mark.parametrize("port", ["0", "65536", "00000"])
def test_address_with_an_invalid_port_is_refused(tmp_path: Path, name: str, port: str) -> None:
    message = settings_error(tmp_path, **{f"DRIVEBAY_{name}_ADDRESS": f"127.0.0.1:{port}"})
    assert message.startswith(f"DRIVEBAY_{name}_ADDRESS: '127.0.0.1:{port}' is not ")


# -- names ----------------------------------------------------------------------------------------


def test_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.database_url, settings.nats_url, settings.s3_endpoint, settings.secret) == (None, None, None, None)
    assert (settings.quota, settings.upload_ttl) == (10 * 2**30, timedelta(minutes=15))


def test_unknown_name_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    message = settings_error(tmp_path, DRIVEBAY_DATABSE_URL="postgresql://me:canary@db/x")
    assert message == "DRIVEBAY_DATABSE_URL is not a setting; did you mean DRIVEBAY_DATABASE_URL?"


def test_unknown_name_without_a_similar_one_is_refused_without_a_suggestion(tmp_path: Path) -> None:
    assert settings_error(tmp_path, DRIVEBAY_ZZZZZZZZZZZZ="1") == "DRIVEBAY_ZZZZZZZZZZZZ is not a setting"


def test_names_of_other_programs_and_of_tests_are_ignored(tmp_path: Path) -> None:
    settings = load({"PATH": "/bin", "PORT": "1", "DRIVEBAY_TEST_ANYTHING": "1"}, tmp_path)
    assert settings == load({}, tmp_path)


def test_empty_value_counts_as_not_set(tmp_path: Path) -> None:
    assert load({"DRIVEBAY_PORT": "", "DRIVEBAY_S3_ENDPOINT": ""}, tmp_path) == load({}, tmp_path)


def test_env_file_sets_what_the_environment_lacks(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('DRIVEBAY_PORT=9001\nDRIVEBAY_QUOTA="1GiB"\nOTHER=1\n')
    settings = load({"DRIVEBAY_PORT": "9002"}, tmp_path)
    assert (settings.port, settings.quota) == (9002, 2**30)


def test_unknown_name_in_the_env_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DRIVEBAY_PROT=9001\n")
    assert "did you mean DRIVEBAY_PORT?" in settings_error(tmp_path)


def test_every_default_can_be_parsed() -> None:
    for declaration in SETTINGS:
        if declaration.default is not None:
            declaration.parse(declaration.default)


def test_nats_may_be_a_cluster(tmp_path: Path) -> None:
    servers = "nats://me:canary@one:4222,tls://me:canary@two:4222"
    ingest = load({"DRIVEBAY_NATS_URL": servers, "DRIVEBAY_NATS_REPLICAS": "3"}, tmp_path).ingest()
    assert (ingest.nats_url, ingest.replicas) == (servers, 3)
    assert load({}, tmp_path).ingest().replicas == 1
    assert "from 1 to 5" in settings_error(tmp_path, DRIVEBAY_NATS_REPLICAS="6")


@pytest.mark.parametrize(("text", "connections"), [("1", 1), ("25", 25)])
def test_database_connections_are_a_setting(tmp_path: Path, text: str, connections: int) -> None:
    assert load({"DRIVEBAY_DATABASE_CONNECTIONS": text}, tmp_path).database_connections == connections
    assert load({}, tmp_path).database_connections == 10
    assert "from 1 to 1000" in settings_error(tmp_path, DRIVEBAY_DATABASE_CONNECTIONS="0")


def test_env_file_is_read_without_variable_expansion(tmp_path: Path) -> None:
    lines = [*(f"{name}={value}" for name, value in STORE.items()), "DRIVEBAY_S3_SECRET_KEY=ab${PATH}cd$PATH"]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert load({"PATH": "/bin"}, tmp_path).s3_secret_key == "ab${PATH}cd$PATH"


@pytest.mark.parametrize("line", ["DRIVEBAY_SECRET='canary", "DRIVEBAY_SECRET canary", "canary canary"])
def test_malformed_line_of_the_env_file_is_refused_without_being_shown(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"# a comment\nDRIVEBAY_PORT=9001\n{line}\n")
    assert settings_error(tmp_path) == f"{tmp_path}/.env, line 3: not NAME=value"


def test_env_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DRIVEBAY_PORT=\xff\n")
    assert settings_error(tmp_path) == f"{tmp_path}/.env is not UTF-8"


def test_otlp_endpoint_may_come_from_the_env_file_and_must_be_a_url(tmp_path: Path) -> None:
    assert "begins with http://" in settings_error(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318")
    (tmp_path / ".env").write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318/\n")
    assert load({}, tmp_path).otlp_endpoint == "http://collector:4318"


# -- combinations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["unix:/run/drivebay/auth.sock", "127.0.0.1:7001", "localhost:7001", "[::1]:7001"])
def test_service_address_may_be_a_socket_or_loopback(tmp_path: Path, address: str) -> None:
    assert load({"DRIVEBAY_AUTH_ADDRESS": address}, tmp_path).auth_address == address


@pytest.mark.parametrize("name", ["AUTH", "FILES", "STORAGE"])
@pytest.mark.parametrize(
    "address", ["0.0.0.0:7001", "10.0.0.1:7001", "auth:7001", "[::]:7001", "unix:relative", "127.0.0.1:70000", "7001"]
)
def test_service_address_beyond_loopback_is_refused_without_tls(tmp_path: Path, name: str, address: str) -> None:
    assert "loopback" in settings_error(tmp_path, **{f"DRIVEBAY_{name}_ADDRESS": address})


@pytest.mark.parametrize("missing", ["DRIVEBAY_S3_ACCESS_KEY", "DRIVEBAY_S3_SECRET_KEY"])
def test_external_store_needs_both_keys(tmp_path: Path, missing: str) -> None:
    message = settings_error(tmp_path, **{name: value for name, value in STORE.items() if name != missing})
    assert message.startswith("DRIVEBAY_S3_ENDPOINT is set: ")
    assert missing in message


@pytest.mark.parametrize(
    "alone",
    [
        {"DRIVEBAY_S3_ACCESS_KEY": "a"},
        {"DRIVEBAY_S3_SECRET_KEY": "canary"},
    ],
)
def test_store_settings_without_an_endpoint_are_refused(tmp_path: Path, alone: dict[str, str]) -> None:
    message = settings_error(tmp_path, **alone)
    assert message.startswith("DRIVEBAY_S3_ENDPOINT is not set")
    assert "canary" not in message


@pytest.mark.parametrize(
    "text",
    [
        "app.example.com",
        "https://app.example.com/",
        "https://a.b/c",
        "null",
        "HTTPS://a",
        "http://a:0",
        "http://a:99999",
        "https://-",
        "https://a..b",
        "*",
    ],
)
def test_origins_have_the_form_that_browsers_send(tmp_path: Path, text: str) -> None:
    assert "origins such as" in settings_error(tmp_path, DRIVEBAY_ALLOWED_ORIGINS=f"http://localhost:3000,{text}")
    good = "https://app.example.com,http://localhost:3000,http://[::1]:3000"
    assert load({"DRIVEBAY_ALLOWED_ORIGINS": good}, tmp_path).allowed_origins == tuple(good.split(","))
    given = "https://app.example.com:443,http://[::1]:80,https://a:80"
    sent = ("https://app.example.com", "http://[::1]", "https://a:80")
    assert load({"DRIVEBAY_ALLOWED_ORIGINS": given}, tmp_path).allowed_origins == sent
    assert load({"DRIVEBAY_ALLOWED_ORIGINS": "*"}, tmp_path).allowed_origins == ("*",)


def test_max_file_size_of_zero_is_refused(tmp_path: Path) -> None:
    assert "one byte" in settings_error(tmp_path, DRIVEBAY_MAX_FILE_SIZE="0")


def test_service_address_beyond_loopback_is_accepted_with_certificates(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "certs", datetime.now(UTC), timedelta(days=1))
    cert, key = authority.issue("auth")
    tls = {"DRIVEBAY_TLS_CERT": str(cert), "DRIVEBAY_TLS_KEY": str(key), "DRIVEBAY_TLS_CA": str(authority.ca_cert_file)}
    settings = load({"DRIVEBAY_AUTH_ADDRESS": "auth.example:7001"} | tls, tmp_path)
    assert settings.auth_address == "auth.example:7001"
    assert settings.identity is not None
    for name in tls:
        assert name in settings_error(tmp_path, **{other: text for other, text in tls.items() if other != name})
    _, other_key = authority.issue("files")
    assert "is not the key of" in settings_error(tmp_path, **tls | {"DRIVEBAY_TLS_KEY": str(other_key)})
    assert "nowhere.pem" in settings_error(tmp_path, **tls | {"DRIVEBAY_TLS_CA": "nowhere.pem"})


def test_seaweedfs_events_of_an_external_store_need_the_filer_address(tmp_path: Path) -> None:
    assert "set DRIVEBAY_FILER_ADDRESS" in settings_error(tmp_path, DRIVEBAY_EVENTS="seaweedfs", **STORE)
    settings = load({"DRIVEBAY_EVENTS": "seaweedfs", "DRIVEBAY_FILER_ADDRESS": "filer:18888", **STORE}, tmp_path)
    assert settings.ingest().source is EventSource.SEAWEEDFS


def test_filers_of_a_cluster_are_separated_by_commas(tmp_path: Path) -> None:
    settings = load({"DRIVEBAY_FILER_ADDRESS": "one:18888,10.0.0.2:18888", **STORE}, tmp_path)
    assert settings.ingest().active_filers == ("one:18888", "10.0.0.2:18888")
    for text in ("one:18888,", "one:18888, two:18888", "one:18888,two", "one:18888.28888"):
        message = settings_error(tmp_path, DRIVEBAY_FILER_ADDRESS=text, **STORE)
        assert "one:18888,two:18888" in message, text


def test_stream_is_named_after_the_events_subject(tmp_path: Path) -> None:
    names = {
        load({"DRIVEBAY_EVENTS_SUBJECT": s}, tmp_path).ingest().stream for s in ("drivebay.events", "other.events")
    }
    assert names == {"DRIVEBAY_EVENTS", "OTHER_EVENTS"}


def test_service_settings_need_their_required_settings(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    for fill in (settings.auth, settings.files, load(STORE, tmp_path).storage):
        with pytest.raises(SettingsError, match="DRIVEBAY_SECRET is not set"):
            fill()
    with pytest.raises(SettingsError, match="DRIVEBAY_S3_ENDPOINT"):
        settings.storage()


# -- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DRIVEBAY_SECRET", "canary"),
        ("DRIVEBAY_DATABASE_URL", "mysql://me:canary@db/x"),
        ("DRIVEBAY_NATS_URL", "amqp://me:canary@broker"),
        ("DRIVEBAY_NATS_URL", "nats://me:canary@one:4222,two:4222"),
        ("DRIVEBAY_NATS_URL", "nats://me:canary@one:4222, nats://me:canary@two:4222"),
    ],
)
def test_error_does_not_show_a_refused_secret(tmp_path: Path, name: str, text: str) -> None:
    message = settings_error(tmp_path, **{name: text})
    assert message.startswith(f"{name}: its value is not ")
    assert "canary" not in message


def test_repr_of_settings_shows_no_secret(tmp_path: Path) -> None:
    settings = load(
        {
            "DRIVEBAY_SECRET": SECRET,
            "DRIVEBAY_DATABASE_URL": "postgresql://me:canary@db/x",
            "DRIVEBAY_NATS_URL": "nats://me:canary@broker",
            "DRIVEBAY_SMTP_URL": "smtp://me:canary@mail.example.com",
            "DRIVEBAY_MAIL_FROM": "drive@example.com",
            **STORE,
        },
        tmp_path,
    )
    services = (settings.auth(), settings.files(), settings.storage(), settings.ingest(), settings.janitor())
    assert "canary" not in repr(settings.worker())
    for value in (settings, settings.gateway(), *services):
        assert "canary" not in repr(value)


def test_mail_needs_a_server_and_a_sender(tmp_path: Path) -> None:
    server, sender = {"DRIVEBAY_SMTP_URL": "smtp://me:canary@mail"}, {"DRIVEBAY_MAIL_FROM": "drive@example.com"}
    for part in (server, sender):
        message = settings_error(tmp_path, **part)
        assert "belong together" in message
        assert "canary" not in message
    assert not load({"DRIVEBAY_SECRET": SECRET}, tmp_path).auth().sends_mail
    settings = load({"DRIVEBAY_SECRET": SECRET, **server, **sender}, tmp_path)
    assert settings.auth().sends_mail
    assert settings.worker().link_base == "http://127.0.0.1:8080"
    public = load({**server, **sender, "DRIVEBAY_PUBLIC_URL": "https://example.com/drive/"}, tmp_path)
    assert public.worker().link_base == "https://example.com/drive"


def test_an_identity_provider_needs_an_issuer_and_a_client(tmp_path: Path) -> None:
    issuer = {"DRIVEBAY_OIDC_ISSUER": "https://id.example.com/"}
    id = {"DRIVEBAY_OIDC_CLIENT_ID": "drive"}
    secret = {"DRIVEBAY_OIDC_CLIENT_SECRET": "canary"}
    for part in (issuer, id, secret, {"DRIVEBAY_OIDC_ADMIN_CLAIM": "groups=admins"}, {"DRIVEBAY_PASSWORDS": "off"}):
        assert "DRIVEBAY_OIDC_ISSUER" in settings_error(tmp_path, **part)
    assert load({"DRIVEBAY_SECRET": SECRET}, tmp_path).auth().oidc is None
    settings = load(
        {"DRIVEBAY_SECRET": SECRET, "DRIVEBAY_PUBLIC_URL": "https://drive.example.com/x/", **issuer, **id, **secret},
        tmp_path,
    )
    provider = settings.auth().oidc
    assert provider is not None
    assert (provider.issuer, provider.public_url) == ("https://id.example.com/", "https://drive.example.com/x")
    assert "canary" not in repr(settings) + repr(provider)


def test_refused_mail_server_is_not_shown(tmp_path: Path) -> None:
    message = settings_error(tmp_path, DRIVEBAY_SMTP_URL="smtp://me:canary@", DRIVEBAY_MAIL_FROM="a@example.com")
    assert message.startswith("DRIVEBAY_SMTP_URL: ")
    assert "canary" not in message


@pytest.mark.parametrize("text", ["changeme", "short", "a" * 64, "drivebay", "0123456789abcdef"])
def test_weak_root_secret_is_refused(tmp_path: Path, text: str) -> None:
    assert "at least 32 random characters" in settings_error(tmp_path, DRIVEBAY_SECRET=text)


@pytest.mark.parametrize("secret", [SECRET, "aAbBcCdD" * 4, "0123456789abcdef" * 4, "0123456789abcdef" * 2])
def test_child_environment_has_the_same_servers_and_root_secret(tmp_path: Path, secret: str) -> None:
    environ = {"DRIVEBAY_DATABASE_URL": "postgresql://db/x", "DRIVEBAY_SECRET": secret, **STORE}
    first = load(environ, tmp_path)
    second = load(first.child_environment(), tmp_path)
    assert (second.secret, second.database_url) == (first.secret, first.database_url)
    assert second.storage() == first.storage()


# -- the guide ------------------------------------------------------------------------------------


def test_guide_file_is_the_rendered_guide() -> None:
    assert GUIDE.read_text("utf-8") == render_guide()


def test_guide_names_every_setting_once() -> None:
    text = GUIDE.read_text("utf-8")
    assert [text.count(f"| `{setting.name}` |") for setting in SETTINGS] == [1] * len(SETTINGS)


def test_webhook_needs_both_address_and_token(tmp_path: Path) -> None:
    address, token = {"DRIVEBAY_WEBHOOK_ADDRESS": "127.0.0.1:9100"}, {"DRIVEBAY_WEBHOOK_TOKEN": "x" * 32}
    for half in (address, token):
        assert "both, or neither" in settings_error(tmp_path, **half)
    assert "DRIVEBAY_EVENTS is off" in settings_error(tmp_path, DRIVEBAY_EVENTS="off", **address, **token)
    assert load(address | token, tmp_path).webhook_token == "x" * 32


@pytest.mark.parametrize("token", ["x" * 31, "x" * 31 + " x", "\u00fc" * 32])
def test_refused_webhook_token_is_not_shown(tmp_path: Path, token: str) -> None:
    message = settings_error(tmp_path, DRIVEBAY_WEBHOOK_ADDRESS="127.0.0.1:9100", DRIVEBAY_WEBHOOK_TOKEN=token)
    assert message.startswith("DRIVEBAY_WEBHOOK_TOKEN: ")
    assert token not in message


@pytest.mark.parametrize(
    ("events", "filer", "publishes"),
    [("auto", None, True), ("minio", None, True), ("auto", "f:1", False), ("off", None, False)],
)
def test_store_publishes_events_only_when_no_filer_is_read(
    tmp_path: Path, events: str, filer: str | None, publishes: bool
) -> None:
    more = {} if filer is None else {"DRIVEBAY_FILER_ADDRESS": filer}
    settings = load({"DRIVEBAY_EVENTS": events, "DRIVEBAY_SECRET": SECRET, **more, **STORE}, tmp_path).storage()
    assert (settings.events_target is not None) is publishes


def test_a_number_may_be_as_large_as_its_error_says(tmp_path: Path) -> None:
    assert load({"DRIVEBAY_MAX_ENTRIES": str(2**53)}, tmp_path).max_entries == 2**53
    with pytest.raises(SettingsError, match=str(2**53)):
        load({"DRIVEBAY_MAX_ENTRIES": str(2**53 + 1)}, tmp_path)


# -- processes of a service -----------------------------------------------------------------------


def test_a_caller_may_name_several_processes_of_a_service(tmp_path: Path) -> None:
    several = "127.0.0.1:7001,127.0.0.1:7002,[::1]:7003"
    assert load({"DRIVEBAY_FILES_ADDRESS": several}, tmp_path).files_address == several
    assert "not loopback" in settings_error(tmp_path, DRIVEBAY_FILES_ADDRESS="127.0.0.1:7001,10.0.0.2:7001")
    for text in (
        "127.0.0.1:7001,files:7001",
        "127.0.0.1:7001,unix:/files.sock",
        "127.0.0.1:7001,",
        "127.0.0.1:7001, 127.0.0.1:7002",
    ):
        assert "several ip:port with commas" in settings_error(tmp_path, DRIVEBAY_FILES_ADDRESS=text)
