"""Grafana's dashboard: that it loads, and that Prometheus understands what it asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.deploy.exported import exported_names, our_names
from tests.deploy.files import DEPLOY
from tests.deploy.test_alerts import needs_promtool, promtool

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def queries() -> Iterator[str]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["expr"]


@needs_promtool
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"query_{number}", "expr": expr.replace("$__rate_interval", "1m")}
        for number, expr in enumerate(queries())
    ]
    file = tmp_path / "queries.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_registry_exports_what_it_asks_for() -> None:
    asked = our_names(" ".join(queries()))
    assert asked <= exported_names()


def test_it_shows_every_metric_of_rooms() -> None:
    shown = our_names(" ".join(queries()))
    told = {name for name in exported_names() if not name.endswith(("_count", "_sum"))}
    histograms = {name.removesuffix("_bucket") for name in told if name.endswith("_bucket")}
    assert told - histograms <= shown


def test_panels_have_titles_and_places_of_their_own() -> None:
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken = [cell for panel in PANELS for cell in _cells(panel["gridPos"])]
    assert len(set(taken)) == len(taken), "two panels overlap"
    assert max(x for x, _ in taken) < 24


def test_no_data_source_of_somebody_else_is_named() -> None:
    sources = [panel["datasource"] for panel in PANELS]
    sources += [target["datasource"] for panel in PANELS for target in panel["targets"]]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    assert "datasource" in {variable["name"] for variable in DASHBOARD["templating"]["list"]}


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y
