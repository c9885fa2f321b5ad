"""The ROS 2 rim: the only importers of rclpy and message types. Nodes convert and call the core."""
