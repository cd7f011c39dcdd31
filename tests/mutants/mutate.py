"""Mutations: how a marked line of Python or SQL becomes another program.

A trailing comment marks a guard in the sources: `# guard: name` in Python, `-- guard: name` in SQL. The marker moves
with its line, so a refactoring does not edit the table. A mutation works on the syntax tree (Python) or on the marked
line (SQL). It copies no source text.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Final

import msgspec

_MARKER: Final = re.compile(r"(?:#|--) guard: ([a-z0-9-]+(?:, [a-z0-9-]+)*)")
_OWNER: Final = re.compile(r"(?:\w+\.)?owner_id = (?:\$\d+|\w+\.owner_id)")
_CLAUSE: Final = re.compile(r"^(\s*(?:WHERE|AND|OR|ON)\s+|.*?\bWHERE\s+)(.*)$")
_INTERVAL: Final = re.compile(r"\$\d+::interval|\binterval '[^']*'")


class CannotMutate(Exception):
    """The marked line has nothing that this kind of mutation applies to."""


class Mutation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to a marked line.

    Python: `never` and `always` fix a condition; `boundary` moves a comparison by one; `operand`, `item` and `argument`
    drop one part of an expression (`at`: which one, from 1, or the keyword's name); `skip` removes a statement;
    `earlier` and `later` swap it with its neighbour; `narrow` makes an `except` catch only KeyError; `value` puts the
    expression `to` in the place of a condition, an assigned or a returned value; `before` and `after` insert the
    statement `to`.

    SQL: `owner` makes every comparison of owners on the line true; `always` and `never` fix the line's condition;
    `zero` makes every interval on the line zero; `drop` removes the line; `value` puts the text `to` in its place.
    `plain-index` makes the unique index `at` of a migration an ordinary one.
    """

    kind: str
    at: int | str = 1
    to: str = ""


def markers(text: str) -> Iterator[tuple[str, int]]:
    """Yield each marked guard and its line, from 1. A marker alone on its line marks the next line."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        found = _MARKER.search(line)
        if found is None:
            continue
        alone = line.strip().startswith(("# guard:", "-- guard:"))
        yield from ((name, number + alone) for name in found[1].split(", "))


def mutate_sql(text: str, line: int, mutation: Mutation) -> str:
    """Return the SQL with one line mutated. Raises CannotMutate."""
    lines = text.splitlines(keepends=True)
    code, _, _comment = lines[line - 1].rstrip("\n").partition("--")
    lines[line - 1] = f"{_sql_line(code.rstrip(), mutation)}\n" if mutation.kind != "drop" else "\n"
    return "".join(lines)


def plain_index(text: str, name: str) -> str:
    """Return the migration with a unique index made an ordinary one. Raises CannotMutate."""
    changed, count = re.subn(rf"CREATE UNIQUE INDEX {re.escape(name)}\b", f"CREATE INDEX {name}", text)
    if count != 1:
        raise CannotMutate(f"there are {count} unique indexes {name}")
    return changed


def _sql_line(code: str, mutation: Mutation) -> str:
    if mutation.kind == "value":
        return mutation.to
    if mutation.kind == "owner":
        changed, count = _OWNER.subn(lambda found: f"({found[0]} OR true)", code)
        if not count:
            raise CannotMutate(f"no comparison of owners in {code!r}")
        return changed
    if mutation.kind == "zero":
        changed, count = _INTERVAL.subn(lambda found: f"0 * {found[0]}", code)
        if not count:
            raise CannotMutate(f"no interval in {code!r}")
        return changed
    clause = _CLAUSE.match(code)
    if clause is None or mutation.kind not in ("always", "never"):
        raise CannotMutate(f"{mutation.kind} does not apply to {code!r}")
    condition, rest = _balanced(clause[2])
    return f"{clause[1]}(({condition}) {'OR true' if mutation.kind == 'always' else 'AND false'}){rest}"


def _balanced(text: str) -> tuple[str, str]:
    """Split a condition from the parentheses, commas and semicolons that end it."""
    depth = 0
    for index, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0 or (depth == 0 and letter in ",;"):
            return text[:index], text[index:]
    return text, ""


# -- Python ---------------------------------------------------------------------------------------


def mutate_python(text: str, line: int, mutation: Mutation) -> str:
    """Return the module with the statement at `line` mutated. Raises CannotMutate."""
    tree = ast.parse(text)
    body, index = _statement(tree, line)
    statement = body[index]
    first, last = _first_line(statement), statement.end_lineno or statement.lineno
    if mutation.kind in ("earlier", "later"):
        other = index + (1 if mutation.kind == "later" else -1)
        if not 0 <= other < len(body):
            raise CannotMutate("the statement has no neighbour on that side")
        one, two = sorted((index, other))
        first, last = _first_line(body[one]), body[two].end_lineno or body[two].lineno
        replacement = [body[two], body[one]]
    elif mutation.kind in ("before", "after"):
        inserted = ast.parse(mutation.to).body
        replacement = [*inserted, statement] if mutation.kind == "before" else [statement, *inserted]
    else:
        replacement = _mutated(statement, line, mutation)
    source = "\n".join(ast.unparse(part) for part in replacement)
    lines = text.splitlines(keepends=True)
    if lines[first - 1].lstrip().startswith("elif "):
        if not source.startswith("if "):
            raise CannotMutate(f"{mutation.kind} does not apply to `elif`")
        source = f"el{source}"
    lines[first - 1 : last] = [textwrap.indent(source, " " * statement.col_offset) + "\n"]
    changed = "".join(lines)
    if syntax(changed) == syntax(text):
        raise CannotMutate(f"{mutation.kind} changes nothing at line {line}")
    return changed


@lru_cache(maxsize=2000)
def syntax(module: str) -> bytes:
    """Return a digest of the syntax tree of a module. Two modules with the same one do the same."""
    return sha256(ast.dump(ast.parse(module)).encode()).digest()


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _statement(tree: ast.Module, line: int) -> tuple[list[ast.stmt], int]:
    """Return the innermost statement that covers the line, as its block and its place there."""
    found: tuple[list[ast.stmt], int] | None = None
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if not isinstance(block, list):
                continue
            for index, statement in enumerate(block):
                if _first_line(statement) <= line <= (statement.end_lineno or 0):
                    found = block, index
    if found is None:
        raise CannotMutate(f"no statement at line {line}")
    return found


def _mutated(statement: ast.stmt, line: int, mutation: Mutation) -> list[ast.stmt]:
    if mutation.kind == "skip":
        if isinstance(statement, ast.With | ast.AsyncWith | ast.If | ast.For | ast.AsyncFor):
            return statement.body
        return [ast.Pass()]
    change = _KINDS.get(mutation.kind)
    if change is None:
        raise CannotMutate(f"no kind of mutation is called {mutation.kind}")
    for node in _nodes(statement, line):
        if change(node, mutation):
            return [ast.fix_missing_locations(statement)]
    raise CannotMutate(f"{mutation.kind} does not apply at line {line}")


def _nodes(statement: ast.stmt, line: int) -> Iterator[ast.AST]:
    """Yield the nodes of a statement, those on the marked line first, without those of a nested block."""
    nested = {id(inner) for block in _blocks(statement) for part in block for inner in ast.walk(part)}
    nodes = [node for node in ast.walk(statement) if id(node) not in nested]
    handlers = [node for node in ast.walk(statement) if isinstance(node, ast.ExceptHandler) and node.lineno == line]
    yield from handlers
    yield from (node for node in nodes if line in (getattr(node, "lineno", line), getattr(node, "end_lineno", line)))
    yield from nodes


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        block = getattr(statement, field, None)
        if isinstance(block, list) and not isinstance(statement, ast.Module):
            yield block
    for handler in getattr(statement, "handlers", []):
        yield handler.body


def _condition(node: ast.AST, fixed: ast.expr) -> bool:
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
        node.test = fixed
    elif isinstance(node, ast.comprehension) and node.ifs:
        node.ifs = [fixed]
    elif isinstance(node, ast.Return | ast.Assign | ast.AnnAssign) and isinstance(
        node.value, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Call
    ):
        node.value = fixed
    else:
        return False
    return True


def _never(node: ast.AST, _: Mutation) -> bool:
    return _condition(node, ast.Constant(value=False))


def _always(node: ast.AST, _: Mutation) -> bool:
    return _condition(node, ast.Constant(value=True))


def _value(node: ast.AST, mutation: Mutation) -> bool:
    new = ast.parse(mutation.to, mode="eval").body
    if isinstance(node, ast.Return | ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr):
        node.value = new
        return True
    return _condition(node, new)


_BOUNDARIES: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


def _boundary(node: ast.AST, _: Mutation) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    node.ops = [_BOUNDARIES[type(node.ops[0])](), *node.ops[1:]]
    return True


def _operand(node: ast.AST, mutation: Mutation) -> bool:
    """Drop one operand of `and`, `or` or an arithmetic chain."""
    at = int(mutation.at) - 1
    for field, child in ast.iter_fields(node):
        if isinstance(child, ast.BoolOp) and at < len(child.values):
            rest = [value for index, value in enumerate(child.values) if index != at]
            setattr(node, field, rest[0] if len(rest) == 1 else ast.BoolOp(op=child.op, values=rest))
            return True
        if isinstance(child, ast.BinOp):
            operands = _chain(child)
            if at < len(operands):
                del operands[at]
                joined = operands[0]
                for operand in operands[1:]:
                    joined = ast.BinOp(left=joined, op=child.op, right=operand)
                setattr(node, field, joined)
                return True
    return False


def _chain(node: ast.expr) -> list[ast.expr]:
    return [*_chain(node.left), node.right] if isinstance(node, ast.BinOp) else [node]


def _item(node: ast.AST, mutation: Mutation) -> bool:
    """Drop one item of a tuple, list, set or dictionary."""
    at = int(mutation.at) - 1
    if isinstance(node, ast.Tuple | ast.List | ast.Set) and at < len(node.elts):
        del node.elts[at]
        return True
    if isinstance(node, ast.Dict) and at < len(node.values):
        del node.keys[at], node.values[at]
        return True
    return False


def _argument(node: ast.AST, mutation: Mutation) -> bool:
    """Drop one argument of a call or keyword of a class, or give it the value `to`."""
    if not isinstance(node, ast.Call | ast.ClassDef):
        return False
    for keyword in node.keywords:
        if keyword.arg == mutation.at:
            if mutation.to:
                keyword.value = ast.parse(mutation.to, mode="eval").body
            else:
                node.keywords.remove(keyword)
            return True
    if isinstance(node, ast.Call) and isinstance(mutation.at, int) and mutation.at <= len(node.args):
        if mutation.to:
            node.args[mutation.at - 1] = ast.parse(mutation.to, mode="eval").body
        else:
            del node.args[mutation.at - 1]
        return True
    return False


def _narrow(node: ast.AST, _: Mutation) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    node.type = ast.Name(id="KeyError", ctx=ast.Load())
    return True


_KINDS: Final[dict[str, Callable[[ast.AST, Mutation], bool]]] = {
    "never": _never,
    "always": _always,
    "value": _value,
    "boundary": _boundary,
    "operand": _operand,
    "item": _item,
    "argument": _argument,
    "narrow": _narrow,
}
