"""The alerts: by Prometheus' own checker, and that what they name is there."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from tests.deploy.exported import exported_names, our_names
from tests.deploy.files import DEPLOY, find_promtool, read_yaml

PROMTOOL = find_promtool()
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool; scripts/provide brings it (Debian: apt-get install prometheus)"
)

RULES: list[dict[str, Any]] = [
    rule for group in read_yaml(DEPLOY / "alerts.yml")["groups"] for rule in group["rules"]
]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=60, check=False)


@needs_promtool
def test_each_alert_comes_when_it_should_and_only_then() -> None:
    done = promtool("test", "rules", str(DEPLOY / "alerts_test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_its_configuration(tmp_path: Any) -> None:
    token = tmp_path / "token"
    token.write_text("a-token")
    config = (DEPLOY / "prometheus.yml").read_text().replace("/run/secrets/registry_token", str(token))
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "alerts.yml").write_text((DEPLOY / "alerts.yml").read_text())
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_the_way_out(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert all(len(text) > 20 for text in rule["annotations"].values())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_tested(rule: dict[str, Any]) -> None:
    assert rule["alert"] in (DEPLOY / "alerts_test.yml").read_text()


@pytest.mark.parametrize("name", ["alerts.yml", "alerts_test.yml"])
def test_the_registry_exports_what_alerts_ask_for(name: str) -> None:
    asked = our_names((DEPLOY / name).read_text())
    assert asked
    assert asked <= exported_names()


def test_the_job_has_the_name_that_the_alerts_want() -> None:
    wanted = set(re.findall(r'job="([a-z]+)"', " ".join(rule["expr"] for rule in RULES)))
    jobs = {job["job_name"] for job in read_yaml(DEPLOY / "prometheus.yml")["scrape_configs"]}
    assert wanted == jobs
