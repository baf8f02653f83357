"""Starts the clockwork: python scheduler.py."""

from feedback.jobs import main

if __name__ == "__main__":
    main()
