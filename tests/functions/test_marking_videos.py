"""The mark of a video says what the track's results say, and is limited like other commands."""

import base64
import json
from typing import Any

from musicgenerator.marks.videos import BOX_BYTES
from musicgenerator.states import Status
from tests.contracts.recorded import TOKEN, TRACK
from tests.functions.commands_scene import RESULTS, Scene
