"""Settings: what is accepted, what is refused, and that what is refused says so in one safe line."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivebay import settings as module
from drivebay.certs import Authority
from drivebay.ingest.settings import EventSource
from drivebay.settings import SETTINGS, Settings, SettingsError, load, with_secret

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "settings.md"
STORE = {
    "DRIVEBAY_S3_ENDPOINT": "http://store:9000",
    "DRIVEBAY_S3_ACCESS_KEY": "access-key",
    "DRIVEBAY_S3_SECRET_KEY": "canary-store-key",
}
SECRET = "canary-0123456789abcdefghijklmnopqrstuv"


def refused(folder: Path, **environ: str) -> str:
    """What starting with these variables says."""
    with pytest.raises(SettingsError) as caught:
        load(environ, folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["UPLOAD_TTL", "DOWNLOAD_TTL", "SWEEP_INTERVAL", "JANITOR_INTERVAL"])
def test_what_must_last_may_not_be_zero(tmp_path: Path, name: str) -> None:
    assert "above zero" in refused(tmp_path, **{f"DRIVEBAY_{name}": "0s"})


def test_the_trash_may_have_no_grace_at_all(tmp_path: Path) -> None:
    assert load({"DRIVEBAY_TRASH_GRACE": "0s"}, tmp_path).trash_grace == timedelta()


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "８０", "1.0"])
def test_a_port_is_a_number_that_ports_have(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, DRIVEBAY_PORT=text) == f"DRIVEBAY_PORT: {text!r} is not a number from 1 to 65535"


def test_networks_are_written_out_and_anything_else_is_refused(tmp_path: Path) -> None:
    found = load({"DRIVEBAY_TRUSTED_PROXIES": "10.0.0.0/8, 192.168.1.7,fd00::/8"}, tmp_path)
    assert found.trusted_proxies == ("10.0.0.0/8", "192.168.1.7/32", "fd00::/8")
    assert "networks such as" in refused(tmp_path, DRIVEBAY_TRUSTED_PROXIES="10.0.0.0/8,proxy.example")


@pytest.mark.parametrize("name", ["TRASH_GRACE", "ACCESS_TOKEN_TTL", "UPLOAD_TTL", "JANITOR_INTERVAL"])
@pytest.mark.parametrize("text", ["9999999999999d", "36500.1d", "9" * 400 + "s"])
def test_a_duration_longer_than_anyone_lives_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert "36500d at most" in refused(tmp_path, **{f"DRIVEBAY_{name}": text})


def test_a_hundred_years_of_grace_are_accepted(tmp_path: Path) -> None:
    assert load({"DRIVEBAY_TRASH_GRACE": "36500d"}, tmp_path).trash_grace == timedelta(days=36500)


@pytest.mark.parametrize("name", ["QUOTA", "MAX_FILE_SIZE"])
@pytest.mark.parametrize("text", [str(2**62 + 1), "4194305TiB", "4194304.5TiB", "9" * 5000, "9" * 400 + ".5GiB"])
def test_a_size_that_sums_could_not_hold_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert "4194304TiB at most" in refused(tmp_path, **{f"DRIVEBAY_{name}": text})


def test_the_largest_size_is_accepted_however_it_is_written(tmp_path: Path) -> None:
    for text in (str(2**62), "4194304TiB", "0" * 30 + str(2**62)):
        assert load({"DRIVEBAY_QUOTA": text}, tmp_path).quota == 2**62


@pytest.mark.parametrize("name", ["UPLOAD_TTL", "DOWNLOAD_TTL"])
def test_a_url_lives_as_long_as_the_store_can_sign(tmp_path: Path, name: str) -> None:
    for text in ("8d", "169h", "250ms"):
        assert "from 1s to 7d" in refused(tmp_path, **{f"DRIVEBAY_{name}": text})
    found = load({f"DRIVEBAY_{name}": "7d"}, tmp_path)
    assert getattr(found, name.lower()) == timedelta(days=7)


@pytest.mark.parametrize("name", ["FILER", "METRICS", "AUTH"])
@pytest.mark.parametrize("port", ["0", "65536", "00000"])
def test_an_address_has_a_port_that_can_be_reached(tmp_path: Path, name: str, port: str) -> None:
    said = refused(tmp_path, **{f"DRIVEBAY_{name}_ADDRESS": f"127.0.0.1:{port}"})
    assert said.startswith(f"DRIVEBAY_{name}_ADDRESS: '127.0.0.1:{port}' is not ")


# -- names ----------------------------------------------------------------------------------------


def test_nothing_set_is_a_working_start_with_the_guides_defaults(tmp_path: Path) -> None:
    found = load({}, tmp_path)
    assert (found.host, found.port) == ("127.0.0.1", 8080)
    assert (found.database_url, found.nats_url, found.s3_endpoint, found.secret) == (None, None, None, None)
    assert (found.quota, found.upload_ttl) == (10 * 2**30, timedelta(minutes=15))


def test_an_unknown_name_stops_the_start_and_the_nearest_is_suggested(tmp_path: Path) -> None:
    said = refused(tmp_path, DRIVEBAY_DATABSE_URL="postgresql://me:canary@db/x")
    assert said == "DRIVEBAY_DATABSE_URL is not a setting; did you mean DRIVEBAY_DATABASE_URL?"


def test_a_name_like_no_other_is_refused_without_a_guess(tmp_path: Path) -> None:
    assert refused(tmp_path, DRIVEBAY_ZZZZZZZZZZZZ="1") == "DRIVEBAY_ZZZZZZZZZZZZ is not a setting"


def test_names_of_others_and_of_tests_are_left_alone(tmp_path: Path) -> None:
    found = load({"PATH": "/bin", "PORT": "1", "DRIVEBAY_TEST_ANYTHING": "1"}, tmp_path)
    assert found == load({}, tmp_path)


def test_an_empty_value_is_a_value_that_was_not_set(tmp_path: Path) -> None:
    assert load({"DRIVEBAY_PORT": "", "DRIVEBAY_S3_ENDPOINT": ""}, tmp_path) == load({}, tmp_path)


def test_a_file_named_env_sets_what_the_environment_does_not(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('DRIVEBAY_PORT=9001\nDRIVEBAY_QUOTA="1GiB"\nOTHER=1\n')
    found = load({"DRIVEBAY_PORT": "9002"}, tmp_path)
    assert (found.port, found.quota) == (9002, 2**30)


def test_an_unknown_name_in_the_file_stops_the_start_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DRIVEBAY_PROT=9001\n")
    assert "did you mean DRIVEBAY_PORT?" in refused(tmp_path)


def test_every_setting_of_the_table_is_a_field_and_its_default_can_be_parsed() -> None:
    fields = set(Settings.__dataclass_fields__)
    assert {setting.field for setting in SETTINGS} == fields
    for setting in SETTINGS:
        if setting.default is not None:
            setting.parse(setting.default)


def test_a_dollar_in_the_file_is_a_dollar(tmp_path: Path) -> None:
    lines = [*(f"{name}={value}" for name, value in STORE.items()), "DRIVEBAY_S3_SECRET_KEY=ab${PATH}cd$PATH"]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert load({"PATH": "/bin"}, tmp_path).s3_secret_key == "ab${PATH}cd$PATH"


@pytest.mark.parametrize("line", ["DRIVEBAY_SECRET='canary", "DRIVEBAY_SECRET canary", "canary canary"])
def test_a_line_of_the_file_that_says_nothing_is_refused_unseen(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"# ours\nDRIVEBAY_PORT=9001\n{line}\n")
    assert refused(tmp_path) == f"{tmp_path}/.env, line 3: not NAME=value"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DRIVEBAY_PORT=\xff\n")
    assert refused(tmp_path) == f"{tmp_path}/.env is not UTF-8"


def test_where_traces_go_is_read_from_the_file_too_and_must_be_a_url(tmp_path: Path) -> None:
    assert "begins with http://" in refused(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318")
    (tmp_path / ".env").write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318/\n")
    assert load({}, tmp_path).otlp_endpoint == "http://collector:4318"


# -- what fits together ---------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["unix:/run/drivebay/auth.sock", "127.0.0.1:7001", "localhost:7001", "[::1]:7001"])
def test_a_service_may_be_reached_over_a_socket_or_loopback(tmp_path: Path, address: str) -> None:
    assert load({"DRIVEBAY_AUTH_ADDRESS": address}, tmp_path).auth_address == address


@pytest.mark.parametrize("name", ["AUTH", "FILES", "STORAGE"])
@pytest.mark.parametrize(
    "address", ["0.0.0.0:7001", "10.0.0.1:7001", "auth:7001", "[::]:7001", "unix:relative", "127.0.0.1:70000", "7001"]
)
def test_an_address_that_others_could_reach_is_refused(tmp_path: Path, name: str, address: str) -> None:
    assert "loopback" in refused(tmp_path, **{f"DRIVEBAY_{name}_ADDRESS": address})


@pytest.mark.parametrize("left_out", ["DRIVEBAY_S3_ACCESS_KEY", "DRIVEBAY_S3_SECRET_KEY"])
def test_a_store_of_ones_own_needs_both_of_its_keys(tmp_path: Path, left_out: str) -> None:
    said = refused(tmp_path, **{name: value for name, value in STORE.items() if name != left_out})
    assert said.startswith("DRIVEBAY_S3_ENDPOINT is set: ")
    assert left_out in said


@pytest.mark.parametrize(
    "alone",
    [
        {"DRIVEBAY_S3_ACCESS_KEY": "a"},
        {"DRIVEBAY_S3_SECRET_KEY": "canary"},
        {"DRIVEBAY_S3_PUBLIC_ENDPOINT": "https://s3.example"},
    ],
)
def test_settings_of_a_store_without_the_store_are_refused(tmp_path: Path, alone: dict[str, str]) -> None:
    said = refused(tmp_path, **alone)
    assert said.startswith("DRIVEBAY_S3_ENDPOINT is not set")
    assert "canary" not in said


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
def test_an_origin_is_what_a_browser_sends(tmp_path: Path, text: str) -> None:
    assert "origins such as" in refused(tmp_path, DRIVEBAY_ALLOWED_ORIGINS=f"http://localhost:3000,{text}")
    good = "https://app.example.com,http://localhost:3000,http://[::1]:3000"
    assert load({"DRIVEBAY_ALLOWED_ORIGINS": good}, tmp_path).allowed_origins == tuple(good.split(","))
    assert load({"DRIVEBAY_ALLOWED_ORIGINS": "*"}, tmp_path).allowed_origins == ("*",)


def test_a_largest_file_of_nothing_is_refused(tmp_path: Path) -> None:
    assert "one byte" in refused(tmp_path, DRIVEBAY_MAX_FILE_SIZE="0")


def test_beyond_loopback_services_need_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certs", datetime.now(UTC), timedelta(days=1))
    cert, key = authority.issue("auth")
    tls = {"DRIVEBAY_TLS_CERT": str(cert), "DRIVEBAY_TLS_KEY": str(key), "DRIVEBAY_TLS_CA": str(authority.file)}
    found = load({"DRIVEBAY_AUTH_ADDRESS": "auth.example:7001"} | tls, tmp_path)
    assert found.auth_address == "auth.example:7001"
    assert found.identity is not None
    for name in tls:
        assert name in refused(tmp_path, **{other: text for other, text in tls.items() if other != name})
    assert "is not the key of" in refused(tmp_path, **tls | {"DRIVEBAY_TLS_KEY": str(authority.issue("files")[1])})
    assert "nowhere.pem" in refused(tmp_path, **tls | {"DRIVEBAY_TLS_CA": "nowhere.pem"})


def test_events_from_a_foreign_filer_need_its_address(tmp_path: Path) -> None:
    assert "DRIVEBAY_FILER_ADDRESS is needed" in refused(tmp_path, DRIVEBAY_EVENTS="seaweedfs", **STORE)
    found = load({"DRIVEBAY_EVENTS": "seaweedfs", "DRIVEBAY_FILER_ADDRESS": "filer:18888", **STORE}, tmp_path)
    assert found.ingest().source is EventSource.SEAWEEDFS


def test_two_deployments_on_one_broker_have_two_streams(tmp_path: Path) -> None:
    names = {
        load({"DRIVEBAY_EVENTS_SUBJECT": s}, tmp_path).ingest().stream for s in ("drivebay.events", "other.events")
    }
    assert names == {"DRIVEBAY_EVENTS", "OTHER_EVENTS"}


def test_a_service_is_not_filled_from_settings_that_lack_what_it_needs(tmp_path: Path) -> None:
    found = load({}, tmp_path)
    for fill in (found.auth, found.files):
        with pytest.raises(SettingsError, match="DRIVEBAY_SECRET is not set"):
            fill()
    with pytest.raises(SettingsError, match="DRIVEBAY_S3_ENDPOINT"):
        found.storage()


# -- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DRIVEBAY_SECRET", "canary"),
        ("DRIVEBAY_DATABASE_URL", "mysql://me:canary@db/x"),
        ("DRIVEBAY_NATS_URL", "amqp://me:canary@broker"),
    ],
)
def test_a_secret_that_is_refused_is_not_shown(tmp_path: Path, name: str, text: str) -> None:
    said = refused(tmp_path, **{name: text})
    assert said.startswith(f"{name}: its value is not ")
    assert "canary" not in said


def test_no_settings_value_shows_a_secret(tmp_path: Path) -> None:
    found = load(
        {
            "DRIVEBAY_SECRET": SECRET,
            "DRIVEBAY_DATABASE_URL": "postgresql://me:canary@db/x",
            "DRIVEBAY_NATS_URL": "nats://me:canary@broker",
            **STORE,
        },
        tmp_path,
    )
    values = (found, found.auth(), found.files(), found.storage(), found.ingest(), found.janitor(), found.gateway())
    for value in values:
        assert "canary" not in repr(value)


@pytest.mark.parametrize("text", ["changeme", "short", "a" * 64, "drivebay", "0123456789abcdef"])
def test_a_default_or_feeble_secret_is_refused(tmp_path: Path, text: str) -> None:
    assert "at least 32 random characters" in refused(tmp_path, DRIVEBAY_SECRET=text)


@pytest.mark.parametrize("secret", [SECRET, "aAbBcCdD" * 4, "0123456789abcdef" * 4, "0123456789abcdef" * 2])
def test_another_process_is_told_the_same_servers_and_the_same_secret(tmp_path: Path, secret: str) -> None:
    environ = {"DRIVEBAY_DATABASE_URL": "postgresql://db/x", "DRIVEBAY_SECRET": secret, **STORE}
    first = load(environ, tmp_path)
    second = load(first.environment(), tmp_path)
    assert (second.secret, second.database_url) == (first.secret, first.database_url)
    assert second.storage() == first.storage()


def test_a_secret_that_is_set_makes_no_file(tmp_path: Path) -> None:
    found = load({"DRIVEBAY_SECRET": SECRET, "DRIVEBAY_DATA": str(tmp_path / "data")}, tmp_path)
    assert with_secret(found) is found
    assert not (tmp_path / "data").exists()


def _in_threads(data: Path) -> set[str]:
    start = threading.Barrier(8)
    secrets: list[str] = []

    def take() -> None:
        own = load({"DRIVEBAY_DATA": str(data)}, data.parent)
        start.wait(30)
        secrets.append((with_secret(own).secret or b"").hex())

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(secrets) == 8
    return set(secrets)


_TAKE = """
import sys
from pathlib import Path
from drivebay.settings import load, with_secret
own = load({"DRIVEBAY_DATA": sys.argv[1]}, Path(sys.argv[1]).parent)
print("up", flush=True)
sys.stdin.readline()
print(with_secret(own).secret.hex())
"""


def _in_processes(data: Path) -> set[str]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKE, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return {process.communicate(timeout=60)[0].strip() for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("starts", [_in_threads, _in_processes])
def test_eight_first_starts_at_once_agree_on_one_secret(tmp_path: Path, starts: Callable[[Path], set[str]]) -> None:
    data = tmp_path / "data"
    (secret,) = starts(data)
    file = data / "secret"
    assert re.fullmatch("[0-9a-f]{64}", secret)
    assert file.read_text() == secret + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert [path.name for path in data.iterdir()] == ["secret"]


def test_the_next_start_has_the_same_secret(tmp_path: Path) -> None:
    own = load({"DRIVEBAY_DATA": str(tmp_path / "data")}, tmp_path)
    assert with_secret(own).secret == with_secret(own).secret


@pytest.mark.parametrize("text", ["", "canary", "0" * 63 + "\n"])
def test_a_damaged_secret_stops_the_start_and_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(SettingsError, match="does not hold a secret") as caught:
        with_secret(load({"DRIVEBAY_DATA": str(tmp_path)}, tmp_path))
    assert "canary" not in str(caught.value)
    assert file.read_text() == text


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SettingsError, match=r"^DRIVEBAY_DATA: "):
        with_secret(load({"DRIVEBAY_DATA": str(tmp_path / "data")}, tmp_path))


# -- the guide ------------------------------------------------------------------------------------


def test_the_guide_is_what_the_table_says() -> None:
    assert GUIDE.read_text("utf-8") == module.as_markdown()


def test_the_guide_names_every_setting_once() -> None:
    text = GUIDE.read_text("utf-8")
    assert [text.count(f"| `{setting.name}` |") for setting in SETTINGS] == [1] * len(SETTINGS)


def test_a_webhook_has_an_address_and_a_token_or_neither(tmp_path: Path) -> None:
    address, token = {"DRIVEBAY_WEBHOOK_ADDRESS": "127.0.0.1:9100"}, {"DRIVEBAY_WEBHOOK_TOKEN": "x" * 32}
    for half in (address, token):
        assert "both, or neither" in refused(tmp_path, **half)
    assert "DRIVEBAY_EVENTS is off" in refused(tmp_path, DRIVEBAY_EVENTS="off", **address, **token)
    assert load(address | token, tmp_path).webhook_token == "x" * 32


@pytest.mark.parametrize("token", ["x" * 31, "x" * 31 + " x", "\u00fc" * 32])
def test_a_webhooks_token_is_long_and_plain_and_not_shown(tmp_path: Path, token: str) -> None:
    said = refused(tmp_path, DRIVEBAY_WEBHOOK_ADDRESS="127.0.0.1:9100", DRIVEBAY_WEBHOOK_TOKEN=token)
    assert said.startswith("DRIVEBAY_WEBHOOK_TOKEN: ")
    assert token not in said


@pytest.mark.parametrize(
    ("events", "filer", "told"),
    [("auto", None, True), ("minio", None, True), ("auto", "f:1", False), ("off", None, False)],
)
def test_the_store_is_told_whom_to_tell_unless_somebody_listens(
    tmp_path: Path, events: str, filer: str | None, told: bool
) -> None:
    more = {} if filer is None else {"DRIVEBAY_FILER_ADDRESS": filer}
    found = load({"DRIVEBAY_EVENTS": events, **more, **STORE}, tmp_path).storage()
    assert (found.events_target is not None) is told
