"""Before anything moves: what was seen of a live graph, judged against a robot's profile and deployment."""
