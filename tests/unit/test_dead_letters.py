from musicgenerator.messages import CaptionMessage, GatheredMessage
from operations.dead_letters import DeadLetter


def test_no_part_of_a_session_s_id_is_shown() -> None:
    """A message of several tracks names several sessions, and the text may be cut within an id."""
    sessions = ["s" + letter * 26 for letter in "abc"]
    data = GatheredMessage(tuple(CaptionMessage(each, "t" + each[1:], 999_999) for each in sessions)).to_bytes()
    for spaces in range(60):
        shown = DeadLetter("captions", "", b" " * spaces + data, {}).describe()
        assert not [each for each in sessions if f'"{each[:4]}' in shown]
