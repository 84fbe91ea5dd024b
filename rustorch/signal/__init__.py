"""Signal processing: window functions."""

from rustorch.signal import windows as windows
