"""The state of a simulation on disk, from which any number of ranks can go on."""

from distnet.checkpoint.capture import Saved, restore, saving_engine
from distnet.checkpoint.files import Checkpoint, Saving, latest_checkpoint

__all__ = ["Checkpoint", "Saved", "Saving", "latest_checkpoint", "restore", "saving_engine"]
