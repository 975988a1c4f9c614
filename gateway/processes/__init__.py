"""One daemon as two processes: the front talks to the network, the worker reads, decides and keeps the clock.

Only the database joins them. What passes between them otherwise is hints (`channel`): one that is lost
costs a moment, never a mail.
"""

from gateway.processes.channel import Channel, Hint
from gateway.processes.worker import Begun, WorkerProcess, beat, spawn, wanted

__all__ = ["Begun", "Channel", "Hint", "WorkerProcess", "beat", "spawn", "wanted"]
