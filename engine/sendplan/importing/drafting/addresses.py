"""The address that goods are sent to, from one place in the file (docs/mapping.md#draft)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sendplan.importing.drafting.choosing import candidates
from sendplan.importing.drafting.columns import Sample, SampleColumn, quoted, says
from sendplan.importing.drafting.draft import Draft
from sendplan.importing.drafting.vocabulary import VEHICLES

_PARTS = (
    "name",
    "first_name",
    "last_name",
    "street",
    "house_number",
    "street_2",
    "street_3",
    "postcode",
    "city",
    "country",
)
_TELLING = ("city", "country", "postcode")
"""Parts by which an address is known as one."""


def draft_address(sample: Sample, columns: Sequence[SampleColumn], made: Draft) -> None:
    """name, street, postcode, city, country, and billing_country where it is another."""
    free = made.free(columns)
    if sample.table:
        _from_table(free, made)
    else:
        _from_trees(free, made)


# --- tables: by the words in front ---


def _from_table(columns: Sequence[SampleColumn], made: Draft) -> None:
    roles = {
        "shipping": [each for each in columns if each.shipping and not each.billing],
        "": [each for each in columns if not each.shipping and not each.billing],
        "billing": [each for each in columns if each.billing and not each.shipping],
    }
    found = {role: _parts(listed) for role, listed in roles.items()}
    chosen = next((role for role, parts in found.items() if _is_address(parts)), "")
    parts = found[chosen]
    for name in ("name", "first_name", "last_name"):
        if not {"name", "first_name"} & parts.keys() or name == "last_name":
            parts.update({n: c for role in found.values() for n, c in role.items() if n == name and n not in parts})
    _take(parts, made, {name: column.reference for name, column in parts.items()})
    billing = found["billing"].get("country")
    if chosen != "billing" and billing is not None:
        made.take("billing_country", billing)


def _is_address(parts: dict[str, SampleColumn]) -> bool:
    return any(name in parts and parts[name].filled for name in _TELLING)


def _parts(columns: Sequence[SampleColumn]) -> dict[str, SampleColumn]:
    found: dict[str, SampleColumn] = {}
    for name in _PARTS:
        fitting = [each for each in candidates(name, columns) if each not in found.values()]
        if fitting:
            found[name] = fitting[0]
    return found


# --- trees: by the record they lie in ---


def _from_trees(columns: Sequence[SampleColumn], made: Draft) -> None:
    records = {each.path[:-1] for name in _TELLING for each in candidates(name, columns)}
    outer = {path for path in records if not any(path[: len(o)] == o and path != o for o in records if o)}
    places = {path: _parts([each for each in columns if each.path[: len(path)] == path]) for path in sorted(outer)}
    places = {path: parts for path, parts in places.items() if _is_address(parts)}
    if not places:
        return _from_table([each for each in columns if each.listed is None], made)
    chosen = min(places, key=lambda path: (_role(places[path]), -len(places[path])))
    parts = places[chosen]
    billing = next((path for path in places if _role(places[path]) == 2), None)
    name, start = _place(chosen, parts, places.get(billing or ()), billing, made)
    references = {part: ".".join([*start, *map(quoted, column.path[len(chosen) :])]) for part, column in parts.items()}
    if not {"name", "first_name"} & parts.keys():
        # The buyer's, where the address itself has none.
        other_places = [each for each in columns if each.listed is None]
        names = {
            part: found[0] for part in ("name", "first_name", "last_name") if (found := candidates(part, other_places))
        }
        parts.update(names)
        references.update({part: column.reference for part, column in names.items()})
    _take(parts, made, references, plain=name)
    if billing not in (None, chosen) and (country := places[billing or ()].get("country")):
        made.take("billing_country", country)
    return None


def _place(
    chosen: tuple[str, ...],
    parts: dict[str, SampleColumn],
    other: dict[str, SampleColumn] | None,
    billing: tuple[str, ...] | None,
    made: Draft,
) -> tuple[bool, list[str]]:
    """How the record is called: by its path, or as `to` where it is one of several; and whether that is a path."""
    reference = ".".join(map(quoted, chosen))
    telling = next(parts[name] for name in _TELLING if name in parts and parts[name].filled)
    if telling.listed is not None and telling.listed == chosen[: len(telling.listed)]:
        made.let["to"] = f"first({reference})"
        made.guesses["to"] = "the first address of each order"
        return True, ["to"]
    same = other is not None and {each.path[len(chosen) :] for each in parts.values()} <= {
        each.path[len(billing or ()) :] for each in other.values()
    }
    if same and billing is not None and billing != chosen:
        within = ".".join([reference, *map(quoted, telling.path[len(chosen) :])])
        made.let["to"] = f"{reference} if {within} is set else {'.'.join(map(quoted, billing))}"
        return True, ["to"]
    return True, [quoted(each) for each in chosen]


def _role(parts: dict[str, SampleColumn]) -> int:
    """Shipping before what says nothing before billing."""
    columns = list(parts.values())
    if all(each.shipping for each in columns):
        return 0
    return 2 if all(each.billing for each in columns) else 1


# --- both ---


def _take(parts: dict[str, SampleColumn], made: Draft, references: dict[str, str], plain: bool = False) -> None:
    names: list[str] = [each for each in ("first_name", "last_name") if each in parts and "name" not in parts]
    wholes: dict[str, list[str]] = {"name": ["name"] if "name" in parts else names, "street": _street(parts)}
    for part in ("postcode", "city", "country"):
        wholes[part] = [part] if part in parts else []
    for name, used in wholes.items():
        columns = [parts[each] for each in used]
        if len(columns) > 1:
            made.say(name, f"join({', '.join(references[each] for each in used)})", columns)
        elif columns and plain:
            made.name_path(name, references[used[0]], columns[0])
        elif columns:
            made.take(name, columns[0])
    if wholes["country"]:
        _vehicles(parts["country"], made)
    else:
        made.left_out["country"] = "no column of countries; regions need one"


def _vehicles(country: SampleColumn, made: Draft) -> None:
    """Countries such as `D` are said one by one."""
    seen = [str(each).strip() for each in dict.fromkeys(country.filled)]
    if any(each in VEHICLES for each in seen):
        values = {each: VEHICLES.get(each, each) for each in seen}
        guess = "by the signs of vehicles; other countries are refused until they are listed"
        made.fields["country"] = replace(made.fields["country"], options={"values": values}, guess=guess)


def _street(parts: dict[str, SampleColumn]) -> list[str]:
    """The street's parts that do not repeat what another has."""
    used: list[str] = []
    for name in ("street", "house_number", "street_2", "street_3"):
        if name not in parts:
            continue
        before = [parts[each].first for each in used]
        repeated = any(
            says(value) and any(str(value) in str(line[order] or "") for line in before)
            for order, value in enumerate(parts[name].first)
        )
        if not repeated and (parts[name].filled or name != "house_number"):
            used.append(name)
    return used
