"""The configuration tree: one file a group."""

from app.base.config.tree import Config, ConfigError, parse_config

__all__ = ["Config", "ConfigError", "parse_config"]
