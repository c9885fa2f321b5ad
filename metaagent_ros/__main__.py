"""``python -m metaagent_ros``: the same as the ``metaagent`` command."""

from metaagent_ros.cli.main import main

if __name__ == "__main__":
    main()
