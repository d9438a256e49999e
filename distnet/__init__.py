"""A network of detailed neurons, from its description to its spikes."""

from distnet.rooms import check_rooms

check_rooms()
