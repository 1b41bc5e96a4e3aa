"""Nested frozen dataclasses from a YAML file, strictly: what is unknown, missing or of another type is an error that
names what is accepted."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from mice_train.refused import Refused

T = TypeVar("T")


class InvalidSettings(Refused):
    """Says where, what was found and what is accepted."""


def read_settings(kind: type[T], path: Path) -> T:
    """@raises InvalidSettings"""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise InvalidSettings(f"{path}: not YAML: {error}") from error
    try:
        return build(kind, content if content is not None else {}, "")
    except InvalidSettings as error:
        raise InvalidSettings(f"{path}: {error}") from None


def build(kind: Any, found: object, where: str) -> Any:
    """`found` as a value of the type `kind`."""
    if is_dataclass(kind):
        return build_fields(kind, found, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if found is None and type(None) in arguments:
            return None
        *plain, last = sorted((one for one in arguments if one is not type(None)), key=is_dataclass)
        return build(last if isinstance(found, dict) or not plain else plain[0], found, where)
    if origin is Literal:
        if found not in arguments:
            raise refused(where, found, "one of " + ", ".join(map(repr, arguments)))
        return found
    if origin is tuple:
        if not isinstance(found, list):
            raise refused(where, found, "a list")
        return tuple(build(arguments[0], entry, f"{where}[{at}]") for at, entry in enumerate(found))
    if origin in (dict, Mapping):
        if not isinstance(found, dict):
            raise refused(where, found, "keys with values")
        return {key: build(arguments[1], value, f"{where}.{key}") for key, value in found.items()}
    return build_plain(kind, found, where)


def build_plain(kind: type, found: object, where: str) -> object:
    if kind is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if kind is float and isinstance(found, str):  # YAML reads 1e-4 as text
        try:
            return float(found)
        except ValueError:
            raise refused(where, found, "a number") from None
    if not isinstance(found, kind) or (kind is not bool and isinstance(found, bool)):
        names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        raise refused(where, found, names.get(kind, kind.__name__))
    return found


def build_fields(kind: Any, found: object, where: str) -> Any:
    if not isinstance(found, dict):
        raise refused(where, found, "keys with values")
    hints, known = get_type_hints(kind), {field.name: field for field in fields(kind) if field.init}
    unknown = [key for key in found if key not in known]
    if unknown:
        raise InvalidSettings(f"{at(where, str(unknown[0]))} is not known; accepted are {', '.join(known)}")
    for name, field in known.items():
        if name not in found and field.default is MISSING and field.default_factory is MISSING:
            raise InvalidSettings(f"{at(where, name)} is missing")
    values = {name: build(hints[name], value, at(where, name)) for name, value in found.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise InvalidSettings(f"{where or 'the recipe'}: {error}") from None


def at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def refused(where: str, found: object, accepted: str) -> InvalidSettings:
    return InvalidSettings(f"{where} is {found!r}; accepted is {accepted}")


def as_plain(value: Any) -> Any:
    """Back to what YAML and JSON hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [as_plain(entry) for entry in value]
    return value


