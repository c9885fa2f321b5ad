"""An evaluation on disk: a folder with three Parquet tables and ``summary.json``.

``outcomes.parquet`` has a row for each fresh episode, ``costs.parquet`` and ``training.parquet`` the costs;
columns are the fields of :mod:`metaagent_ros.evaluation.rows`. Settings and the inertness cosines travel in
the schema metadata of ``outcomes.parquet`` (key ``metaagent``, JSON), so the tables alone are the evaluation.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from metaagent_ros.evaluation.rows import Cost, Evaluation, Outcome, Training
from metaagent_ros.evaluation.summary import summarise
from sim_envs.atomic import write_atomically

TABLES: dict[str, type[Any]] = {"costs": Cost, "training": Training, "outcomes": Outcome}
OF_ONE_RUN = ("command", "seed", "seeds", "arms", "started", "seconds")  # settings that merged runs differ in
MEASURED = ("success", "total", "steps", "env_steps", "gradient_steps", "cpu_seconds")  # the rest is the key
_METADATA = b"metaagent"
_TYPES = {"str": "string", "int": "int64", "float": "float64", "bool": "bool_"}
Row = TypeVar("Row", Outcome, Cost, Training)


class StoreError(ValueError):
    """A folder that holds no evaluation, or evaluations that cannot be merged; the message says why."""


def write(folder: Path, evaluation: Evaluation, summary: Mapping[str, Any] | None = None) -> None:
    """Write all four files, each of them whole or not at all; the summary (default: made here) comes last."""
    summary = summarise(evaluation) if summary is None else summary
    folder.mkdir(parents=True, exist_ok=True)
    extra = {"settings": evaluation.settings, "inertness": evaluation.inertness}
    for name, kind in TABLES.items():
        data = _parquet(kind, getattr(evaluation, name), extra if name == "outcomes" else {})
        write_atomically(folder / f"{name}.parquet", data)
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1, allow_nan=False).encode())


def read(folder: Path) -> Evaluation:
    """The evaluation that :func:`write` wrote; raises :class:`StoreError`."""
    rows: dict[str, tuple[Any, ...]] = {}
    extra: dict[str, Any] = {}
    for name, kind in TABLES.items():
        rows[name], found = _rows(folder / f"{name}.parquet", kind)
        extra |= found
    return Evaluation(settings=extra.get("settings", {}), inertness=extra.get("inertness", {}), **rows)


def _parquet(kind: type[Any], rows: Sequence[Any], extra: Mapping[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(kind).with_metadata({_METADATA: json.dumps(extra, allow_nan=False).encode()})
    columns = [pa.array([getattr(row, f.name) for row in rows], f.type) for f in schema]
    buffer = io.BytesIO()
    table = pa.Table.from_arrays(columns, schema=schema)
    pq.write_table(table, buffer, compression="zstd", compression_level=19)
    return buffer.getvalue()


def _schema(kind: type[Any]) -> Any:
    import pyarrow as pa

    return pa.schema([(f.name, getattr(pa, _TYPES[str(f.type)])()) for f in dataclasses.fields(kind)])


def _rows(path: Path, kind: type[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # one file only: a folder's name such as seed=0 shall not become a column
        table = pq.ParquetFile(path).read()
        extra = json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise StoreError(f"{path} cannot be read as an evaluation's table: {error}") from None
    want = _schema(kind)
    if not table.schema.equals(want):
        raise StoreError(f"{path} has columns {_columns(table.schema)}; allowed: {_columns(want)}")
    return tuple(kind(**row) for row in table.to_pylist()), extra


def _columns(schema: Any) -> str:
    return ", ".join(f"{f.name} ({f.type})" for f in schema)


def merge(evaluations: Sequence[Evaluation]) -> Evaluation:
    """One evaluation of several runs of the same protocol, such as one run a seed; raises ``StoreError``."""
    if not evaluations:
        raise StoreError("there is no evaluation to merge; at least one is needed")
    first = evaluations[0]
    for number, other in enumerate(evaluations[1:], start=2):
        _require_same("suite and split", _suites(first), _suites(other), number)
        for key in sorted({*first.settings, *other.settings} - {*OF_ONE_RUN}):
            _require_same(f"setting {key!r}", first.settings.get(key), other.settings.get(key), number)
    inertness: dict[str, float] = {}
    for evaluation in evaluations:
        for name, cosine in evaluation.inertness.items():
            if inertness.setdefault(name, cosine) != cosine:
                raise StoreError(f"the inertness of seed {name} is {inertness[name]} and {cosine}")
    return Evaluation(
        settings=_settings([e.settings for e in evaluations]),
        outcomes=_unique(row for e in evaluations for row in e.outcomes),
        costs=_unique(row for e in evaluations for row in e.costs),
        training=_unique(row for e in evaluations for row in e.training),
        inertness=inertness,
    )


def _suites(evaluation: Evaluation) -> list[tuple[str, str]]:
    return sorted({(row.suite, row.split) for row in evaluation.outcomes})


def _require_same(what: str, ours: object, theirs: object, number: int) -> None:
    as_json = [json.dumps(value, sort_keys=True, default=str) for value in (ours, theirs)]
    if as_json[0] != as_json[1]:  # a tuple comes back from disk as a list
        raise StoreError(f"{what} differ: {ours!r} in evaluation 1, {theirs!r} in evaluation {number}")


def _unique(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows without repetitions; two that measured the same thing differently are an error."""
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        fields = dataclasses.asdict(row)
        key = {name: value for name, value in fields.items() if name not in MEASURED}
        if found.setdefault(tuple(key.values()), row) != row:
            said = ", ".join(f"{name} {value}" for name, value in key.items())
            raise StoreError(f"{type(row).__name__} of {said} was measured twice, with different results")
    return tuple(found.values())


def _settings(all_settings: Sequence[dict[str, object]]) -> dict[str, object]:
    """The common settings; lists of one run are joined, commands become lines, the rest is the first's."""
    merged: dict[str, object] = {}
    for settings in all_settings:
        for key, value in settings.items():
            known = merged.setdefault(key, value)
            if key == "command" and str(value) not in str(known).splitlines():
                merged[key] = f"{known}\n{value}"
            elif isinstance(known, list) and isinstance(value, list) and key in OF_ONE_RUN:
                merged[key] = known + [item for item in value if item not in known]
    return merged
