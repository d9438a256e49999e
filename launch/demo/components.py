"""Morphologies, fits and mechanisms of Allen cell types, out of the Python package bmtk.

The package (BSD-3-Clause, Allen Institute) carries them as data files; it is never imported, so
none of what it depends on is needed.
"""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

from launch.errors import LaunchError

#: Where the package keeps what a circuit needs -> where a SONATA circuit keeps it.
FOLDERS = {
    "bmtk/utils/scripts/bionet/morphologies": "morphologies",
    "bmtk/utils/scripts/bionet/biophysical_neuron_models": "biophysical_neuron_models",
    "bmtk/utils/scripts/bionet/mechanisms/modfiles": "mechanisms/modfiles",
}


def copy_components(target: Path) -> None:
    """Copy the files, and the licence they stand under, into `target`.

    Raises:
        LaunchError: the package is not installed, or does not hold them.
    """
    try:
        package = metadata.distribution("bmtk")
    except metadata.PackageNotFoundError:
        raise LaunchError(
            "the demo takes its morphologies and mechanisms from the package bmtk, which is not "
            "installed: pip install --no-deps bmtk==1.2.0"
        ) from None
    for source, place in FOLDERS.items():
        folder = Path(str(package.locate_file(source)))
        if not folder.is_dir():
            raise LaunchError(
                f"bmtk {package.version} has no folder {source}; the demo needs bmtk==1.2.0"
            )
        shutil.copytree(folder, target / place, ignore=shutil.ignore_patterns("*.pyc", "__*"))
    for file in package.files or []:
        if file.name.startswith("LICENSE"):
            shutil.copyfile(str(file.locate()), target / "LICENSE")
