"""The version of the frame format, and the rule that lets two versions understand each other.

Two modules are never updated at the same instant, so a pair of neighbouring versions always works:

1. Every frame carries the version of its sender. A receiver parses everything from `MIN` upwards,
   its own future included: a newer sender has only appended.
2. Nothing that was ever sent is renumbered, moved or given another meaning. A body grows at its
   end; a receiver ignores what it does not know there. A reserved bit is sent 0 and ignored.
3. A new message, a new cell kind or a new form of an entry is sent only to a peer that has shown
   that it knows it: by the version of its own frames, or by the image layout that it joined with.
4. `CURRENT` grows by one when rule 2 was used; `MIN` grows only with a decision record that says
   which released firmware is left behind.

`tests/golden/wire-N.txt` holds the bytes of version N. Lines are added there and never edited.

Version 2 appends the maintenance word to a heartbeat's body. Version 3 uses a reserved bit of its
flags: locked out. Version 4 appends the mark of the newest key to a heartbeat's body, and has the
message Pairing, which is sent only while a person asks for it at both ends; an older module counts
it as a message that it does not know.
"""

from typing import Final

CURRENT: Final = 4
MIN: Final = 1
