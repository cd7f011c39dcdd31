from pathlib import Path

import pytest

from . import proto_comments


@pytest.mark.parametrize(("module", "contract", "path"), proto_comments.CONTRACTS)
def test_the_comments_of_the_proto_match_the_docstrings(module: object, contract: type, path: Path) -> None:
    text = path.read_text("utf-8")
    comments = proto_comments.contract_comments(module, contract)
    assert len(comments) > 50
    assert text == proto_comments.with_comments(text, comments)


def test_errors_names_and_none_get_their_form_in_grpc() -> None:
    class Value:
        """A value of `begin`. It is None without a size.

        Raises NotFound, and
        Conflict.
        - `Kind.FILE`: True.
        """

    class Module:
        value = Value

    class Calls:
        async def begin(self) -> None: ...

    comment = proto_comments.contract_comments(Module, Calls)["value"]
    assert comment == (
        "A value of `Begin`. It is not set without a size.\n\n"
        "Fails with `not_found`, and `conflict`.\n- `KIND_FILE`: true."
    )
    proto = "message value {\n  // An old comment.\n}\n// Another one.\nmessage value {\n"
    assert proto_comments.with_comments(proto, {"value": comment}).splitlines() == [
        "// A value of `Begin`. It is not set without a size.",
        "//",
        "// Fails with `not_found`, and `conflict`.",
        "// - `KIND_FILE`: true.",
        "message value {",
        "  // An old comment.",
        "}",
        "// A value of `Begin`. It is not set without a size.",
        "//",
        "// Fails with `not_found`, and `conflict`.",
        "// - `KIND_FILE`: true.",
        "message value {",
    ]
