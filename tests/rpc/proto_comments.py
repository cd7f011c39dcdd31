"""Writes the comments of the .proto files from the docstrings of the contracts: `python -m tests.rpc.proto_comments`.

A comment without a docstring in the contract stays as it is. Errors and names get their form in gRPC: NotFound becomes
`not_found`, `begin_upload` becomes `BeginUpload`, and None becomes 'not set'.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from drivebay import errors
from drivebay.contract import auth, files, storage
from drivebay.rpc.codec import rpc_name
from drivebay.rpc.type_hints import contract_methods

_PROTO: Final = Path(errors.__file__).parent / "proto" / "drivebay"
CONTRACTS: Final = (
    (files, files.Files, _PROTO / "files" / "v1" / "files.proto"),
    (auth, auth.Auth, _PROTO / "auth" / "v1" / "auth.proto"),
    (storage, storage.Storage, _PROTO / "storage" / "v1" / "storage.proto"),
)
_WIDTH: Final = 120
_ERROR_CODES: Final = {
    name: member.code
    for name, member in vars(errors).items()
    if isinstance(member, type) and issubclass(member, errors.Error) and member is not errors.Error
}
_ERROR: Final = re.compile(rf"(?<![`.\w])({'|'.join(sorted(_ERROR_CODES, key=len, reverse=True))})(?![`\w])")
_MEMBER: Final = re.compile(r"`([A-Z][A-Za-z]+)\.([A-Z][A-Z_]+)`")
_PHRASES: Final = (
    (r"\bnothing is raised\. The result is\b", "the call succeeds, and the result is"),
    (r"\bRaises (?=`)", "Fails with "),
    (r"\braises (?=`)", "fails with "),
    (r"\braised (?=`)", "failed with "),
    (r"\bwould raise\b", "would fail with"),
    (r"\bRaises nothing\b", "Never fails"),
    (r"\bNone (?=means )", "A field that is not set "),
    (r"\b(is|are) None\b", r"\1 not set"),
    (r"\b(or|and|,) None\b", r"\1 not set"),
    (r"` None\b", "` not set"),
    (r"\(None\b", "(not set"),
    (r"([;:]) None(?=:| for )", r"\1 not set"),
    (r"(?<![\w`])None:", "Not set:"),
    (r"\bempty tuple\b", "empty list"),
    (r"`files\.\w+\.end_sharing`", "`FilesService.EndSharing`"),
    (r"\bTrue\b", "true"),
    (r"\bFalse\b", "false"),
)
_DECLARATION: Final = re.compile(r"\s*(message|enum|rpc) (\w+)")
_ENUM_VALUE: Final = re.compile(r"\s*([A-Z][A-Z0-9_]+) = \d+;")
_FIELD: Final = re.compile(r"\s*(?:optional |repeated )?[\w.<>, ]+ (\w+) = \d+;")


def with_comments(text: str, comments: dict[str, str]) -> str:
    """Return a .proto file in which each element has its comment. The keys are `Message`,
    `Message.field`, `Enum.VALUE` and `rpc Method`."""
    lines: list[str] = []
    block: list[str] = []
    container = ""
    for line in text.splitlines():
        if line.lstrip().startswith("//"):
            block.append(line)
            continue
        name = ""
        if declaration := _DECLARATION.match(line):
            name = declaration[2] if declaration[1] != "rpc" else f"rpc {declaration[2]}"
            container = declaration[2]
        elif value := _ENUM_VALUE.match(line) or _FIELD.match(line):
            name = f"{container}.{value[1]}"
        indent = line[: len(line) - len(line.lstrip())]
        lines += _comment(comments[name], indent) if name in comments else block
        lines.append(line)
        block = []
    return "\n".join((*lines, *block, ""))


def _comment(text: str, indent: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield f"{indent}//"
        for item in re.split(r"\n(?=- )", paragraph):
            is_listed = item.startswith("- ")
            yield from textwrap.wrap(
                " ".join(item.split()),
                _WIDTH,
                initial_indent=f"{indent}// ",
                subsequent_indent=f"{indent}//   " if is_listed else f"{indent}// ",
                break_long_words=False,
                break_on_hyphens=False,
            )


def contract_comments(module: object, contract: type) -> dict[str, str]:
    """Return the comment of each method, value and documented field of a contract."""
    methods = contract_methods(contract)
    docstrings = {f"rpc {rpc_name(name)}": method.__doc__ for name, method in methods.items()}
    for name, member in vars(module).items():
        if isinstance(member, type) and name != contract.__name__ and not getattr(member, "_is_protocol", False):
            docstrings[name] = member.__doc__
            prefix = ""
            if hasattr(member, "__members__"):
                prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"
            docstrings |= {f"{name}.{prefix}{key}": text for key, text in _attribute_docstrings(member)}
    return {name: _translate(text, methods) for name, text in docstrings.items() if text}


def _attribute_docstrings(member: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(member))).body
    assert isinstance(definition, ast.ClassDef)
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        if (
            isinstance(target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            yield target.id, following.value.value


def _translate(docstring: str, methods: object) -> str:
    text = inspect.cleandoc(docstring)
    text = re.sub(r"(?<!\n)\n(?!\n|- )", " ", text)
    text = _ERROR.sub(lambda match: f"`{_ERROR_CODES[match[1]]}`", text)
    text = _MEMBER.sub(lambda match: f"`{re.sub('(?<=[a-z0-9])(?=[A-Z])', '_', match[1]).upper()}_{match[2]}`", text)
    for pattern, replacement in _PHRASES:
        text = re.sub(pattern, replacement, text)
    for name in methods:  # type: ignore[attr-defined]
        text = text.replace(f"`{name}`", f"`{rpc_name(name)}`")
    return text


if __name__ == "__main__":
    for module, contract, path in CONTRACTS:
        path.write_text(with_comments(path.read_text("utf-8"), contract_comments(module, contract)), "utf-8")
