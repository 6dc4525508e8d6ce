"""What runs training steps fast: the loop decides, these rooms compute.

``Solo`` trains one network and ``Crowd`` several of one shape side by side; both do an epoch at a
time and hand back what the loop needs to decide about the next.
"""

from narrows.engine.crowd import Crowd, Member
from narrows.engine.solo import Epoch, Solo
from narrows.engine.stack import UnstackableError

__all__ = ["Crowd", "Epoch", "Member", "Solo", "UnstackableError"]
