"""Arrow's types and schemas, with the types that its stubs leave open."""

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pyarrow as pa

if TYPE_CHECKING:
    AnyField: TypeAlias = pa.Field[Any]
else:  # Arrow's own class takes no type
    AnyField = pa.Field


def type_in(schema: pa.Schema, name: str) -> pa.DataType:
    """The type of a column of the schema."""
    return cast(Any, schema).field(name).type


def member_type(kind: pa.DataType) -> pa.DataType:
    """The type of a list's members; of what is no list, the type itself."""
    return cast(Any, kind).value_type if pa.types.is_list(kind) else kind


def fields(schema: pa.Schema, *names: str) -> list[AnyField]:
    """The schema's columns of these names, or all of them."""
    return [cast(Any, schema).field(name) for name in names] if names else list(schema)


def fields_in(kind: pa.DataType) -> list[AnyField]:
    """What a type is made of: the fields of a struct, the members of a list; nothing where it is neither."""
    return [cast(Any, kind).field(place) for place in range(kind.num_fields)]
