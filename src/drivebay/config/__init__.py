"""Settings: read from the environment and `.env`, checked together, and passed to each service as an object of its own.

Only this package reads the environment of the process.
"""

from .loading import load, load_process
from .secret_file import load_or_create_root_secret
from .settings import SETTINGS, Settings, SettingsError

__all__ = ["SETTINGS", "Settings", "SettingsError", "load", "load_or_create_root_secret", "load_process"]
