"""Bags: what a graph said, as a rosbag2 folder with MCAP inside; written, read and replayed. No ROS."""


class BagError(ValueError):
    """A bag that cannot be written or read; the message names the file and what is wrong with it."""
