"""Debian's clickhouse-server, 18.16: the oldest that EchoDB writes to."""

import os
import shutil
from pathlib import Path

from .children import Child, free_port
from .postgres import PASSWORD

CONFIG = """<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host><http_port>{port}</http_port><tcp_port>{tcp_port}</tcp_port>
  <path>{directory}/data/</path><tmp_path>{directory}/tmp/</tmp_path>
  <user_files_path>{directory}/files/</user_files_path><format_schema_path>{directory}/schemas/</format_schema_path>
  <users_config>users.xml</users_config><default_profile>default</default_profile>
  <default_database>default</default_database><mark_cache_size>134217728</mark_cache_size>
</yandex>
"""
USERS = """<yandex>
  <profiles><default></default></profiles><quotas><default></default></quotas>
  <users><echodb><password>{password}</password><networks><ip>::/0</ip></networks>
    <profile>default</profile><quota>default</quota></echodb></users>
</yandex>
"""


def has_debian_server() -> bool:
    return shutil.which("clickhouse-server") is not None


def debian_server(port: int, directory: Path) -> Child:
    """Not started. It has no database but `default`: setup makes EchoDB's."""
    place = directory / "debian"
    (place / "data").mkdir(parents=True)
    (place / "config.xml").write_text(CONFIG.format(port=port, tcp_port=free_port(), directory=place), encoding="utf-8")
    (place / "users.xml").write_text(USERS.format(password=PASSWORD), encoding="utf-8")
    return Child("clickhouse", ["clickhouse-server", f"--config-file={place}/config.xml"], directory / "clickhouse.log",
                 dict(os.environ), place)
